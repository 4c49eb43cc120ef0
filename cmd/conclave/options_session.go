package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// sessionOptions maps what the configuration says about durable subscriptions, transactions and users.
func sessionOptions(c *config.Broker) broker.SessionOptions { return broker.SessionOptions{} }
