package config

import "time"

// BrokerSessions are the attributes of <broker> about durable subscriptions,
// transactions and users.
type BrokerSessions struct {
	// KeepDurableSubsActive keeps messages that are not persistent for durable
	// subscribers that are away.
	KeepDurableSubsActive bool `config:"keepDurableSubsActive"`
	// OfflineDurableSubscriberTimeout is how long a durable subscriber may be
	// away before its subscription is removed; -1 for ever. It is looked at
	// every OfflineDurableSubscriberTaskSchedule; -1 never.
	OfflineDurableSubscriberTimeout      time.Duration `config:"offlineDurableSubscriberTimeout"`
	OfflineDurableSubscriberTaskSchedule time.Duration `config:"offlineDurableSubscriberTaskSchedule"`
	// RejectDurableConsumers refuses durable subscribers.
	RejectDurableConsumers bool `config:"rejectDurableConsumers"`
	// EnableMessageExpirationOnActiveDurableSubs sweeps expired messages of
	// durable subscribers that are there, too.
	EnableMessageExpirationOnActiveDurableSubs bool `config:"enableMessageExpirationOnActiveDurableSubs"`
	// MaxUncommittedCount bounds the sends of one transaction; 0 is no bound.
	MaxUncommittedCount int `config:"maxUncommittedCount"`
	// RollbackOnlyOnAsyncException leaves only rollback to a transaction of
	// which something failed that nobody waited for.
	RollbackOnlyOnAsyncException bool `config:"rollbackOnlyOnAsyncException"`
}

func (e *BrokerSessions) setDefaults() {
	e.KeepDurableSubsActive = true
	e.OfflineDurableSubscriberTimeout = -time.Millisecond
	e.OfflineDurableSubscriberTaskSchedule = 5 * time.Minute
	e.RollbackOnlyOnAsyncException = true
}

func (e *BrokerSessions) check(b *binder, path string) {
	if e.OfflineDurableSubscriberTaskSchedule == 0 {
		b.bad(path+".offlineDurableSubscriberTaskSchedule", "must be at least 1 ms, or -1 for never")
	}
	if e.OfflineDurableSubscriberTimeout >= 0 && e.OfflineDurableSubscriberTaskSchedule < 0 {
		b.warnings = append(b.warnings, path+".offlineDurableSubscriberTimeout has no effect without offlineDurableSubscriberTaskSchedule")
	}
}

func (BrokerSessions) others() others {
	return others{
		"useAuthenticatedPrincipalForJMSXUserID": refused("false",
			"there is no authentication yet, so that there is no principal; populateJMSXUserID takes the user name of the connection"),
	}
}
