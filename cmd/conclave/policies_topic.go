package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applyTopic maps the part of a policy entry about the subscribers of topics, and slow consumers.
func applyTopic(p *broker.TopicPolicy, e *config.TopicEntry) {}
