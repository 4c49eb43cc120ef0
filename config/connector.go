package config

import "math"

// TransportConnector is the <transportConnector> element. The URI's options
// are read by the transport.
type TransportConnector struct {
	Name string `config:"name"`
	URI  string `config:"uri"`
	// AutoStart false leaves the port closed.
	AutoStart bool `config:"autoStart"`
	// AllowLinkStealing lets a new connection with a client id end the old.
	AllowLinkStealing bool `config:"allowLinkStealing"`
	// Bounds of one connection.
	MaximumProducersAllowedPerConnection int `config:"maximumProducersAllowedPerConnection"`
	MaximumConsumersAllowedPerConnection int `config:"maximumConsumersAllowedPerConnection"`
	// WarnOnRemoteClose logs a client that vanishes as a warning.
	WarnOnRemoteClose bool `config:"warnOnRemoteClose"`

	ConnectorCluster
}

func newConnector(name, uri string) TransportConnector {
	c := TransportConnector{Name: name, URI: uri}
	c.setDefaults()
	return c
}

func (c *TransportConnector) setDefaults() {
	c.AutoStart = true
	c.MaximumProducersAllowedPerConnection = math.MaxInt32
	c.MaximumConsumersAllowedPerConnection = math.MaxInt32
	c.ConnectorCluster.setDefaults()
}

func (TransportConnector) others() others {
	return others{
		"auditNetworkProducers":      tuned("false", "what a bridge sends again is always recognised, also without it"),
		"disableAsyncDispatch":       tuned("false", "a delivery never waits for the consumer's socket"),
		"displayStackTrace":          tuned("false", reasonJava),
		"enableStatusMonitor":        tuned("false", "connections that block are seen by the inactivity monitor"),
		"messageAuthorizationPolicy": absent(reasonLater),
	}
}
