package config

// Config is a whole configuration.
type Config struct {
	Broker Broker `config:"broker"`
	// Console is nil where no HTTP is wanted.
	Console *Console `config:"console"`

	// File is the absolute path of the file that was read, "" for none.
	File string
	// Warnings name what was accepted but has no effect.
	Warnings []string
}

func (Config) others() others { return nil }

// Default is what a broker is without any configuration: a KahaDB directory
// below ./data and one port on the loopback interface.
func Default() *Config {
	c := blank()
	c.Broker.DataDirectory = "data"
	c.Broker.PersistenceAdapter.KahaDB = &KahaDB{}
	c.Broker.PersistenceAdapter.KahaDB.setDefaults()
	c.Broker.PersistenceAdapter.KahaDB.Directory = "data/kahadb"
	c.Broker.TransportConnectors = []TransportConnector{newConnector("openwire", "tcp://127.0.0.1:61616")}
	return c
}

// blank is ActiveMQ's defaults, with neither store nor connector.
func blank() *Config {
	c := &Config{}
	c.Broker.setDefaults()
	return c
}
