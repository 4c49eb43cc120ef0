package config

// TransportConnector is the <transportConnector> element. The URI's options
// are read by the transport.
type TransportConnector struct {
	Name string `config:"name"`
	URI  string `config:"uri"`
	// AutoStart false leaves the port closed.
	AutoStart bool `config:"autoStart"`
	// AllowLinkStealing lets a new connection with a client id end the old.
	AllowLinkStealing bool `config:"allowLinkStealing"`
}

func newConnector(name, uri string) TransportConnector {
	c := TransportConnector{Name: name, URI: uri}
	c.setDefaults()
	return c
}

func (c *TransportConnector) setDefaults() { c.AutoStart = true }

func (TransportConnector) others() others {
	return others{
		"auditNetworkProducers":                refused("false", "network connectors are not available yet"),
		"disableAsyncDispatch":                 tuned("false", "a delivery never waits for the consumer's socket"),
		"discoveryUri":                         absent(reasonLater),
		"displayStackTrace":                    tuned("false", reasonJava),
		"enableStatusMonitor":                  tuned("false", "connections that block are seen by the inactivity monitor"),
		"maximumConsumersAllowedPerConnection": refused("2147483647", reasonLater),
		"maximumProducersAllowedPerConnection": refused("2147483647", reasonLater),
		"messageAuthorizationPolicy":           absent(reasonLater),
		"publishedAddressPolicy":               absent(reasonLater),
		"rebalanceClusterClients":              refused("false", reasonLater),
		"updateClusterClients":                 refused("false", reasonLater),
		"updateClusterClientsOnRemove":         refused("false", reasonLater),
		"updateClusterFilter":                  absent(reasonLater),
		"warnOnRemoteClose":                    tuned("false", "a client that vanishes is always logged"),
	}
}
