package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// spaceOptions maps what the configuration says about memory and space.
func spaceOptions(c *config.Broker) broker.SpaceOptions { return broker.SpaceOptions{} }
