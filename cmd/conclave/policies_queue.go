package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applyQueue maps the part of a policy entry about which consumer of a queue gets a message, and how many.
func applyQueue(p *broker.QueuePolicy, e *config.QueueEntry) {}
