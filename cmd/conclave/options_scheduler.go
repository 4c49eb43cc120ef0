package main

import (
	"cmp"
	"log/slog"
	"path/filepath"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/message"
)

// schedulerOptions maps what the configuration says about messages that are delivered later.
func schedulerOptions(c *config.Broker) broker.SchedulerOptions {
	return broker.SchedulerOptions{
		SchedulerSupport:          c.SchedulerSupport,
		MaxSchedulerRepeatAllowed: c.MaxSchedulerRepeatAllowed,
		JobSchedulerLimit:         c.SystemUsage.JobSchedulerUsage.Limit,
		DuplicateDetectionWindow:  c.DuplicateDetectionWindow,
		Redelivery:                redelivery(c.Plugins.Redelivery),
	}
}

func redelivery(p *config.RedeliveryPlugin) *broker.Redelivery {
	if p == nil {
		return nil
	}
	return &broker.Redelivery{
		DropIfMaxRetriesExceeded: !p.SendToDlqIfMaxRetriesExceeded,
		DropWithoutPolicy:        !p.FallbackToDeadLetter,
		Policy: func(d message.Destination) *broker.RedeliveryPolicy {
			e := p.PolicyMap.Find(attributes[d.Kind], d.Name)
			if e == nil {
				return nil
			}
			policy := &broker.RedeliveryPolicy{
				MaximumRedeliveries:    e.MaximumRedeliveries,
				InitialRedeliveryDelay: e.InitialRedeliveryDelay,
				RedeliveryDelay:        e.RedeliveryDelay,
				UseExponentialBackOff:  e.UseExponentialBackOff,
				BackOffMultiplier:      e.BackOffMultiplier,
				MaximumRedeliveryDelay: e.MaximumRedeliveryDelay,
			}
			if e.UseCollisionAvoidance {
				policy.CollisionAvoidance = float64(e.CollisionAvoidancePercent) / 100
			}
			return policy
		},
	}
}

// warnOfJobs says so if an ActiveMQ has left scheduled messages, which are
// not read: without that they would be missed by nobody until they are due.
func warnOfJobs(c *config.Broker, log *slog.Logger) {
	directory := cmp.Or(c.SchedulerDirectory, filepath.Join(c.DataDirectory, c.BrokerName, "scheduler"))
	if found, err := filepath.Glob(filepath.Join(directory, "db-*.log")); err == nil && len(found) > 0 {
		log.Warn("ActiveMQ has left a scheduler directory, which is not read: messages that are scheduled there have to be sent again", "directory", directory)
	}
}
