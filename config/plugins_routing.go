package config

// RoutingPlugins are the plugins about destinations.
type RoutingPlugins struct {
	DestinationPathSeparator *DestinationPathSeparatorPlugin `config:"destinationPathSeparatorPlugin"`
}

func (p *RoutingPlugins) setDefaults() {
}

func (p *RoutingPlugins) check(b *binder, path string) {
	if s := p.DestinationPathSeparator; s != nil && s.PathSeparator == "" {
		b.bad(path+".destinationPathSeparatorPlugin.pathSeparator", "is empty")
	}
}

func (RoutingPlugins) others() others {
	return others{
		"destinationsPlugin": absent("destinations that hold messages or durable subscriptions are kept in the journal; " +
			"write others as destinations"),
		"virtualSelectorCacheBrokerPlugin": absent("a selectorAware virtual topic goes by the consumers that are connected; " +
			"selectors of others are not kept"),
	}
}

// DestinationPathSeparatorPlugin lets clients write other characters for the
// "." in the names of destinations.
type DestinationPathSeparatorPlugin struct {
	PathSeparator string `config:"pathSeparator"`
}

func (p *DestinationPathSeparatorPlugin) setDefaults() { p.PathSeparator = "/" }

func (DestinationPathSeparatorPlugin) others() others { return nil }
