package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// pluginOptions maps what the configuration says about what looks at messages on their way, or changes them.
func pluginOptions(p *config.Plugins) broker.PluginOptions { return broker.PluginOptions{} }
