package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applySpace maps the part of a policy entry about memory and space.
func applySpace(p *broker.SpacePolicy, e *config.MemoryEntry) {}
