package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applyDestination maps the part of a policy entry about how long destinations live and how many there may be.
func applyDestination(p *broker.DestinationPolicy, e *config.DestinationEntry) {}
