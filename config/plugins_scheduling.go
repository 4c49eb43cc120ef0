package config

// SchedulingPlugins are the plugins that deliver messages again later.
type SchedulingPlugins struct {
}

func (p *SchedulingPlugins) setDefaults() {
}

func (SchedulingPlugins) others() others {
	return others{
		"redeliveryPlugin": absent(reasonLater),
	}
}
