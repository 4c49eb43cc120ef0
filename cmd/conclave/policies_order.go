package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applyOrder maps the part of a policy entry about the order in which stored messages are read, and what is kept of their redelivery.
func applyOrder(p *broker.OrderPolicy, e *config.OrderEntry) {}
