package main

import (
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// sessionOptions maps what the configuration says about durable subscriptions, transactions and users.
func sessionOptions(c *config.Broker) broker.SessionOptions {
	s := &c.BrokerSessions
	o := broker.SessionOptions{
		ForgetTransient:        !s.KeepDurableSubsActive,
		RejectDurableConsumers: s.RejectDurableConsumers,
		ExpireActiveDurables:   s.EnableMessageExpirationOnActiveDurableSubs,
		MaxUncommitted:         s.MaxUncommittedCount,
		CommitAfterAsyncError:  !s.RollbackOnlyOnAsyncException,
	}
	if s.OfflineDurableSubscriberTimeout >= 0 && s.OfflineDurableSubscriberTaskSchedule > 0 {
		o.OfflineTimeout = max(s.OfflineDurableSubscriberTimeout, time.Millisecond) // 0 is at once
		o.OfflineSchedule = s.OfflineDurableSubscriberTaskSchedule
	}
	return o
}
