package config

import (
	"cmp"
	"time"
)

// DeadLetterStrategy is the <deadLetterStrategy> element: what becomes of
// messages that cannot be delivered. At most one is set; none is the shared
// strategy with its defaults.
type DeadLetterStrategy struct {
	Shared     *SharedDeadLetterStrategy     `config:"sharedDeadLetterStrategy"`
	Individual *IndividualDeadLetterStrategy `config:"individualDeadLetterStrategy"`
	Discarding *DiscardingDeadLetterStrategy `config:"discarding"`
}

func (DeadLetterStrategy) others() others { return nil }

func (s *DeadLetterStrategy) check(b *binder, path string) {
	n := 0
	if s.Shared != nil {
		n++
		s.Shared.check(b, path+".sharedDeadLetterStrategy")
	}
	if s.Individual != nil {
		n++
		b.notNegative(path+".individualDeadLetterStrategy.expiration", s.Individual.Expiration)
	}
	if s.Discarding != nil {
		n++
	}
	if n > 1 {
		b.bad(path, "has more than one strategy")
	}
}

// SharedDeadLetterStrategy sends all dead letters to one destination.
type SharedDeadLetterStrategy struct {
	DeadLetterQueue      DeadLetterQueue `config:"deadLetterQueue"`
	ProcessExpired       bool            `config:"processExpired"`
	ProcessNonPersistent bool            `config:"processNonPersistent"`
	EnableAudit          bool            `config:"enableAudit"`
	Expiration           time.Duration   `config:"expiration"` // 0: for ever
}

func (s *SharedDeadLetterStrategy) setDefaults() {
	s.ProcessExpired = true
	s.EnableAudit = true
}

func (SharedDeadLetterStrategy) others() others { return auditOthers }

func (s *SharedDeadLetterStrategy) check(b *binder, path string) {
	if q := &s.DeadLetterQueue; q.Queue.PhysicalName != "" && q.Topic.PhysicalName != "" {
		b.bad(path+".deadLetterQueue", "has both a queue and a topic")
	}
	b.notNegative(path+".expiration", s.Expiration)
}

// DeadLetterQueue is the <deadLetterQueue> property with its <queue>, or
// <topic>.
type DeadLetterQueue struct {
	Queue NamedQueue `config:"queue"`
	Topic NamedTopic `config:"topic"`
}

func (DeadLetterQueue) others() others { return nil }

// Name is the destination's, and whether it is a queue.
func (q *DeadLetterQueue) Name() (name string, isQueue bool) {
	if q.Topic.PhysicalName != "" {
		return q.Topic.PhysicalName, false
	}
	return cmp.Or(q.Queue.PhysicalName, "ActiveMQ.DLQ"), true
}

// NamedQueue is the <queue> element.
type NamedQueue struct {
	PhysicalName string `config:"physicalName"`
}

func (NamedQueue) others() others { return nil }

// IndividualDeadLetterStrategy gives every destination one of its own.
type IndividualDeadLetterStrategy struct {
	QueuePrefix                     string        `config:"queuePrefix"`
	QueueSuffix                     string        `config:"queueSuffix"`
	TopicPrefix                     string        `config:"topicPrefix"`
	TopicSuffix                     string        `config:"topicSuffix"`
	UseQueueForQueueMessages        bool          `config:"useQueueForQueueMessages"`
	UseQueueForTopicMessages        bool          `config:"useQueueForTopicMessages"`
	DestinationPerDurableSubscriber bool          `config:"destinationPerDurableSubscriber"`
	ProcessExpired                  bool          `config:"processExpired"`
	ProcessNonPersistent            bool          `config:"processNonPersistent"`
	EnableAudit                     bool          `config:"enableAudit"`
	Expiration                      time.Duration `config:"expiration"` // 0: for ever
}

func (s *IndividualDeadLetterStrategy) setDefaults() {
	s.QueuePrefix = "ActiveMQ.DLQ.Queue."
	s.TopicPrefix = "ActiveMQ.DLQ.Topic."
	s.UseQueueForQueueMessages = true
	s.UseQueueForTopicMessages = true
	s.ProcessExpired = true
	s.EnableAudit = true
}

func (IndividualDeadLetterStrategy) others() others { return auditOthers }

// Name is the dead letter destination of a destination; suffix is how it ends
// and isQueue whether it is a queue.
func (s *IndividualDeadLetterStrategy) Name(ofQueue bool, destination string) (name, suffix string, isQueue bool) {
	if ofQueue {
		return s.QueuePrefix + destination + s.QueueSuffix, s.QueueSuffix, s.UseQueueForQueueMessages
	}
	return s.TopicPrefix + destination + s.TopicSuffix, s.TopicSuffix, s.UseQueueForTopicMessages
}

// DiscardingDeadLetterStrategy drops dead letters, so that what else could be
// said of them has no meaning.
type DiscardingDeadLetterStrategy struct{}

func (DiscardingDeadLetterStrategy) others() others {
	const reason = "discarded messages go nowhere"
	o := others{
		"deadLetterQueue":      absent(reason),
		"enableAudit":          tuned("true", reason),
		"expiration":           absent(reason),
		"processExpired":       tuned("true", reason),
		"processNonPersistent": tuned("false", reason),
	}
	for name, other := range auditOthers {
		o[name] = other
	}
	return o
}

var auditOthers = others{
	"maxAuditDepth":            tuned("2048", "what is remembered is bounded for all destinations together"),
	"maxProducersToAudit":      tuned("64", "what is remembered is bounded for all destinations together"),
	"messageAuditMaxProducers": tuned("64", "what is remembered is bounded for all destinations together"),
}
