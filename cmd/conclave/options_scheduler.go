package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// schedulerOptions maps what the configuration says about messages that are delivered later.
func schedulerOptions(c *config.Broker) broker.SchedulerOptions { return broker.SchedulerOptions{} }
