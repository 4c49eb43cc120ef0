package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applyDestination maps the part of a policy entry about how long destinations
// live and how many there may be.
func applyDestination(p *broker.DestinationPolicy, e *config.DestinationEntry) {
	p.MaxDestinations = e.MaxDestinations
	p.GCInactiveDestinations = e.GCInactiveDestinations
	p.GCWithNetworkConsumers = e.GCWithNetworkConsumers
	p.InactiveTimeoutBeforeGC = e.InactiveTimeout()
	p.AllowTempDestinationStealing = e.AllowTempDestinationStealing
}
