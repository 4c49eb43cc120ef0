package config

// RoutingPlugins are the plugins about destinations.
type RoutingPlugins struct {
}

func (p *RoutingPlugins) setDefaults() {
}

func (RoutingPlugins) others() others {
	return others{
		"destinationPathSeparatorPlugin":   absent(reasonLater),
		"destinationsPlugin":               absent(reasonLater),
		"virtualSelectorCacheBrokerPlugin": absent(reasonLater),
	}
}
