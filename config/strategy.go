package config

import "time"

// PendingMessageLimitStrategy is the <pendingMessageLimitStrategy> element:
// how much may wait for a topic consumer beyond its prefetch.
type PendingMessageLimitStrategy struct {
	Constant     *ConstantPendingMessageLimitStrategy     `config:"constantPendingMessageLimitStrategy"`
	PrefetchRate *PrefetchRatePendingMessageLimitStrategy `config:"prefetchRatePendingMessageLimitStrategy"`
}

func (PendingMessageLimitStrategy) others() others { return nil }

func (s *PendingMessageLimitStrategy) check(b *binder, path string) {
	b.oneOf(path, "strategy", s.Constant != nil, s.PrefetchRate != nil)
	if r := s.PrefetchRate; r != nil && (r.Multiplier < 0 || r.Multiplier > maxPending) {
		b.bad(path+".prefetchRatePendingMessageLimitStrategy.multiplier", "is not within 0 and 2147483647")
	}
}

// PrefetchRatePendingMessageLimitStrategy is so many times the consumer's
// prefetch size.
type PrefetchRatePendingMessageLimitStrategy struct {
	Multiplier float64 `config:"multiplier"`
}

func (s *PrefetchRatePendingMessageLimitStrategy) setDefaults() { s.Multiplier = 0.5 }

func (PrefetchRatePendingMessageLimitStrategy) others() others { return nil }

// ConstantPendingMessageLimitStrategy is a fixed number of messages; -1 is no
// limit.
type ConstantPendingMessageLimitStrategy struct {
	Limit int `config:"limit"`
}

func (s *ConstantPendingMessageLimitStrategy) setDefaults() { s.Limit = -1 }

func (ConstantPendingMessageLimitStrategy) others() others { return nil }

// DeadLetterStrategy is the <deadLetterStrategy> element: what becomes of
// messages that cannot be delivered. At most one is set; none is the shared
// strategy with its defaults.
type DeadLetterStrategy struct {
	Shared     *SharedDeadLetterStrategy     `config:"sharedDeadLetterStrategy"`
	Individual *IndividualDeadLetterStrategy `config:"individualDeadLetterStrategy"`
	Discarding *DiscardingDeadLetterStrategy `config:"discarding"`
}

func (DeadLetterStrategy) others() others { return nil }

func (s DeadLetterStrategy) given() int {
	n := 0
	for _, is := range []bool{s.Shared != nil, s.Individual != nil, s.Discarding != nil} {
		if is {
			n++
		}
	}
	return n
}

// SharedDeadLetterStrategy sends all dead letters to one queue.
type SharedDeadLetterStrategy struct {
	DeadLetterQueue      DeadLetterQueue `config:"deadLetterQueue"`
	ProcessExpired       bool            `config:"processExpired"`
	ProcessNonPersistent bool            `config:"processNonPersistent"`
	Expiration           time.Duration   `config:"expiration"` // 0: for ever
}

func (s *SharedDeadLetterStrategy) setDefaults() {
	s.DeadLetterQueue.Queue.PhysicalName = "ActiveMQ.DLQ"
	s.ProcessExpired = true
}

func (SharedDeadLetterStrategy) others() others { return auditOthers }

// DeadLetterQueue is the <deadLetterQueue> property with its <queue>.
type DeadLetterQueue struct {
	Queue NamedQueue `config:"queue"`
}

func (DeadLetterQueue) others() others { return nil }

// NamedQueue is the <queue> element.
type NamedQueue struct {
	PhysicalName string `config:"physicalName"`
}

func (NamedQueue) others() others { return nil }

// IndividualDeadLetterStrategy gives every destination a queue of its own.
type IndividualDeadLetterStrategy struct {
	QueuePrefix          string        `config:"queuePrefix"`
	QueueSuffix          string        `config:"queueSuffix"`
	TopicPrefix          string        `config:"topicPrefix"`
	TopicSuffix          string        `config:"topicSuffix"`
	ProcessExpired       bool          `config:"processExpired"`
	ProcessNonPersistent bool          `config:"processNonPersistent"`
	Expiration           time.Duration `config:"expiration"` // 0: for ever
}

func (s *IndividualDeadLetterStrategy) setDefaults() {
	s.QueuePrefix = "ActiveMQ.DLQ.Queue."
	s.TopicPrefix = "ActiveMQ.DLQ.Topic."
	s.ProcessExpired = true
}

func (IndividualDeadLetterStrategy) others() others {
	o := others{
		"useQueueForQueueMessages":        refused("true", "dead letters of queues go to a queue"),
		"useQueueForTopicMessages":        refused("true", "dead letters of topics go to a queue"),
		"destinationPerDurableSubscriber": refused("false", reasonLater),
	}
	for name, other := range auditOthers {
		o[name] = other
	}
	return o
}

// Name is the dead letter queue of a destination.
func (s *IndividualDeadLetterStrategy) Name(isQueue bool, destination string) string {
	if isQueue {
		return s.QueuePrefix + destination + s.QueueSuffix
	}
	return s.TopicPrefix + destination + s.TopicSuffix
}

// DiscardingDeadLetterStrategy drops dead letters.
type DiscardingDeadLetterStrategy struct {
	ProcessExpired       bool `config:"processExpired"`
	ProcessNonPersistent bool `config:"processNonPersistent"`
}

func (s *DiscardingDeadLetterStrategy) setDefaults() { s.ProcessExpired = true }

func (DiscardingDeadLetterStrategy) others() others {
	return others{"deadLetterQueue": absent("discarded messages go nowhere"), "expiration": absent("discarded messages go nowhere")}
}

var auditOthers = others{
	"enableAudit":              tuned("true", "a message is sent to its dead letter queue once"),
	"maxAuditDepth":            tuned("2048", "a message is sent to its dead letter queue once"),
	"maxProducersToAudit":      tuned("64", "a message is sent to its dead letter queue once"),
	"messageAuditMaxProducers": tuned("64", "a message is sent to its dead letter queue once"),
}
