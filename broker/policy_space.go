package broker

import "time"

// SpacePolicy is the part of a Policy about memory and space.
type SpacePolicy struct {
	// CursorMemoryHighWaterMark is the percentage of memory from which
	// messages that wait are no longer held in it. From 100 on, producers of
	// what is not stored wait instead, if there is flow control.
	CursorMemoryHighWaterMark int
	// StoreUsageHighWaterMark is the percentage of the store's limit from
	// which producers of stored messages wait.
	StoreUsageHighWaterMark int
	// MinimumMessageSize is what a message counts for beside its body and
	// properties, bytes.
	MinimumMessageSize int64
	// InMemory keeps all that waits in memory, whatever there is of it:
	// nothing is spooled, and of a queue what is stored counts too, so that
	// its producers wait. (ActiveMQ: vmQueueCursor, vmCursor)
	InMemory bool
	// DurablesInMemory is that for what a topic's durable subscriptions have
	// that is not stored. (ActiveMQ: vmDurableCursor)
	DurablesInMemory bool
	// SendFailIfNoSpace and SendFailIfNoSpaceAfterTimeout, if not nil,
	// override those of the Options.
	SendFailIfNoSpace             *bool
	SendFailIfNoSpaceAfterTimeout *time.Duration
}

// defaultSpacePolicy is ActiveMQ's.
func defaultSpacePolicy() SpacePolicy {
	return SpacePolicy{CursorMemoryHighWaterMark: 70, StoreUsageHighWaterMark: 100, MinimumMessageSize: 1024}
}
