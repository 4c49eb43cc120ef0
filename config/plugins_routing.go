package config

// RoutingPlugins are the plugins about destinations.
type RoutingPlugins struct {
	DestinationPathSeparator *DestinationPathSeparatorPlugin   `config:"destinationPathSeparatorPlugin"`
	SelectorCache            *VirtualSelectorCacheBrokerPlugin `config:"virtualSelectorCacheBrokerPlugin"`
	Destinations             *DestinationsPlugin               `config:"destinationsPlugin"`
}

func (p *RoutingPlugins) setDefaults() {
}

func (p *RoutingPlugins) check(b *binder, path string) {
	if s := p.DestinationPathSeparator; s != nil && s.PathSeparator == "" {
		b.bad(path+".destinationPathSeparatorPlugin.pathSeparator", "is empty")
	}
}

func (RoutingPlugins) others() others { return nil }

// VirtualSelectorCacheBrokerPlugin has selectorAware virtual topics go by the
// selectors of consumers that are away, too.
type VirtualSelectorCacheBrokerPlugin struct {
	SingleSelectorPerDestination bool `config:"singleSelectorPerDestination"`
	IgnoreWildcardSelectors      bool `config:"ignoreWildcardSelectors"`
}

func (VirtualSelectorCacheBrokerPlugin) others() others {
	return others{
		"persistFile":     tuned("", "selectors are kept in the journal, with which they fail over"),
		"persistInterval": tuned("600000", "a selector is stored when its consumer comes"),
	}
}

// DestinationsPlugin makes the destinations that a file lists, and writes the
// broker's there.
type DestinationsPlugin struct {
	Location string `config:"location"` // a file; "": "destinations" beside the data
}

func (DestinationsPlugin) others() others { return nil }

// DestinationPathSeparatorPlugin lets clients write other characters for the
// "." in the names of destinations.
type DestinationPathSeparatorPlugin struct {
	PathSeparator string `config:"pathSeparator"`
}

func (p *DestinationPathSeparatorPlugin) setDefaults() { p.PathSeparator = "/" }

func (DestinationPathSeparatorPlugin) others() others { return nil }
