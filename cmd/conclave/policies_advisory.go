package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applyAdvisory maps the part of a policy entry about advisories, and changes to messages.
func applyAdvisory(p *broker.AdvisoryPolicy, e *config.AdvisoryEntry) {}
