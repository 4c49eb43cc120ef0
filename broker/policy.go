package broker

import "time"

// Policy is how destinations behave. (ActiveMQ: PolicyEntry; fields have its
// names unless said otherwise)
type Policy struct {
	// MemoryLimit bounds the bytes of messages held in memory for one
	// destination; 0 leaves it to the broker's limit.
	MemoryLimit int64
	// ProducerFlowControl makes producers wait, or fail, at a limit.
	ProducerFlowControl bool
	// BlockedProducerWarningInterval is how often a waiting producer is
	// logged; 0 never.
	BlockedProducerWarningInterval time.Duration
	// MaxPageSize bounds the messages of a queue or durable subscription that
	// are held in memory and not yet delivered; what is beyond stays in the
	// store. It is larger than ActiveMQ's 200, since here it is the only cache.
	MaxPageSize int
	// MaxPageBytes is the same bound in bytes. (not in ActiveMQ)
	MaxPageBytes int64
	// UsePrefetchExtension lets a consumer's window grow by what it has
	// reported as delivered.
	UsePrefetchExtension bool
	// UseConsumerPriority prefers consumers of higher priority.
	UseConsumerPriority bool
	// AllConsumersExclusiveByDefault gives a queue to one consumer at a time.
	AllConsumersExclusiveByDefault bool
	// PendingMessageLimit bounds what waits for a topic consumer beyond its
	// prefetch, discarding the oldest; -1 does not. (ActiveMQ:
	// constantPendingMessageLimitStrategy)
	PendingMessageLimit int
	// ExpireMessagesPeriod is how often the destination is searched for expired
	// messages; 0 never.
	ExpireMessagesPeriod time.Duration
	// DeadLetter says what becomes of messages that cannot be delivered.
	DeadLetter DeadLetter

	DestinationPolicy
	OrderPolicy
	TopicPolicy
	QueuePolicy
	AdvisoryPolicy
	SpacePolicy
	// Bridge is how messages go to other brokers; nil: as suits most. (ActiveMQ:
	// networkBridgeFilterFactory)
	Bridge *BridgePolicy
}

// DefaultPolicy is ActiveMQ's policy where nothing is configured.
func DefaultPolicy() Policy {
	return Policy{
		ProducerFlowControl:            true,
		BlockedProducerWarningInterval: 30 * time.Second,
		MaxPageSize:                    4096,
		MaxPageBytes:                   8 << 20,
		UsePrefetchExtension:           true,
		UseConsumerPriority:            true,
		PendingMessageLimit:            -1,
		ExpireMessagesPeriod:           30 * time.Second,
		DeadLetter:                     defaultDeadLetter(),
		DestinationPolicy:              defaultDestinationPolicy(),
		OrderPolicy:                    defaultOrderPolicy(),
		TopicPolicy:                    defaultTopicPolicy(),
		QueuePolicy:                    defaultQueuePolicy(),
		AdvisoryPolicy:                 defaultAdvisoryPolicy(),
		SpacePolicy:                    defaultSpacePolicy(),
	}
}
