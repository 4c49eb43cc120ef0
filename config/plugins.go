package config

// Plugins is the <plugins> element: what is done to connections and messages
// on their way. The ones that ActiveMQ brings are built in; others are Java
// and cannot be loaded.
type Plugins struct {
	RoutingPlugins
	SchedulingPlugins
	MessagePlugins
}

func (Plugins) others() others {
	return others{
		"authorizationPlugin":                 absent(reasonLater),
		"bean":                                absent(reasonPlugins),
		"connectionDotFilePlugin":             absent(reasonPlugins),
		"destinationDotFilePlugin":            absent(reasonPlugins),
		"jaasAuthenticationPlugin":            absent(reasonLater),
		"jaasCertificateAuthenticationPlugin": absent(reasonLater),
		"jaasDualAuthenticationPlugin":        absent(reasonLater),
		"multicastTraceBrokerPlugin":          absent(reasonPlugins),
		"runtimeConfigurationPlugin":          absent("the configuration is read at the start: change it and restart, a slave first; clients with failover notice nothing but a switchover"),
		"simpleAuthenticationPlugin":          absent(reasonLater),
		"udpTraceBrokerPlugin":                absent(reasonPlugins),
	}
}
