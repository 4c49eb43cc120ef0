package broker

import "time"

// SchedulerOptions is the part of Options about messages that are delivered later.
type SchedulerOptions struct {
	// SchedulerSupport makes the broker act on AMQ_SCHEDULED_DELAY and the
	// like. Without it they are properties as any other, and jobs that are in
	// the store stay there.
	SchedulerSupport bool
	// MaxSchedulerRepeatAllowed bounds AMQ_SCHEDULED_REPEAT; 0 is 1000.
	MaxSchedulerRepeatAllowed int
	// JobSchedulerLimit bounds the bytes of messages that wait for their time;
	// producers of more wait as for memory. 0 is no limit. (ActiveMQ:
	// jobSchedulerUsage)
	JobSchedulerLimit int64
	// Redelivery, if not nil, has messages that a consumer has given up
	// delivered again later instead of burying them. It needs
	// SchedulerSupport. (ActiveMQ: redeliveryPlugin)
	Redelivery *Redelivery
	// DuplicateDetectionWindow is how long the JMSXDuplicateId of a message is
	// remembered: another one with it, to the same destination, is confirmed
	// and not stored. 0 is not at all. Not in ActiveMQ.
	DuplicateDetectionWindow time.Duration
}

// defaultMaxRepeat is ActiveMQ's maxSchedulerRepeatAllowed.
const defaultMaxRepeat = 1000
