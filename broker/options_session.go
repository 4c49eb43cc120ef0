package broker

import "time"

// SessionOptions is the part of Options about durable subscriptions, transactions and users.
type SessionOptions struct {
	// ForgetTransient drops messages that are not persistent for durable
	// subscribers that are away: the opposite of keepDurableSubsActive.
	ForgetTransient bool
	// OfflineTimeout is how long a durable subscriber may be away before its
	// subscription is removed, which is looked at every OfflineSchedule. 0 of
	// either is never. (ActiveMQ: offlineDurableSubscriberTimeout,
	// offlineDurableSubscriberTaskSchedule)
	OfflineTimeout  time.Duration
	OfflineSchedule time.Duration
	// RejectDurableConsumers refuses durable subscribers.
	RejectDurableConsumers bool
	// ExpireActiveDurables lets the sweeper look at what the store holds for
	// durable subscribers that are there, too. (ActiveMQ:
	// enableMessageExpirationOnActiveDurableSubs)
	ExpireActiveDurables bool
	// MaxUncommitted bounds the sends of one transaction; 0 is no bound.
	// (ActiveMQ: maxUncommittedCount)
	MaxUncommitted int
	// CommitAfterAsyncError lets a transaction be committed of which something
	// failed that nobody waited for: the opposite of ActiveMQ's
	// rollbackOnlyOnAsyncException.
	CommitAfterAsyncError bool
}
