package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// routingOptions maps what the configuration says about destinations: which there are from the start, which stand for others.
func routingOptions(c *config.Broker) broker.RoutingOptions { return broker.RoutingOptions{} }
