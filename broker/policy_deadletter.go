package broker

import (
	"strings"
	"time"

	"github.com/conclavemq/conclave/message"
)

// DeadLetter is a dead letter strategy. (ActiveMQ: DeadLetterStrategy)
type DeadLetter struct {
	// Queue is where messages go; it may be a topic. A null destination
	// discards them.
	Queue message.Destination
	// PerSubscription gives each durable subscription a destination of its
	// own: ".clientID:name" is put behind Queue's name, before Suffix, with
	// which that name ends. (ActiveMQ: destinationPerDurableSubscriber)
	PerSubscription bool
	Suffix          string
	ProcessExpired  bool
	// ProcessNonPersistent keeps messages that were not persistent, too; they
	// become persistent.
	ProcessNonPersistent bool
	// Audit lets a message of a topic go to a dead letter destination once,
	// however many subscribers cannot take it. What leaves a queue leaves it
	// once anyhow. (ActiveMQ: enableAudit, which also drops the second of two
	// copies of a composite destination; here each copy counts)
	Audit bool
	// Expiration is how long a dead letter lives; 0 for ever.
	Expiration time.Duration
}

// defaultDeadLetter is ActiveMQ's.
func defaultDeadLetter() DeadLetter {
	return DeadLetter{Queue: message.NewQueue("ActiveMQ.DLQ"), ProcessExpired: true, Audit: true}
}

// of is where messages go that durable subscription d, or nil, could not take.
func (s *DeadLetter) of(d *durable) message.Destination {
	if d == nil || !s.PerSubscription || s.Queue.IsZero() {
		return s.Queue
	}
	return message.Destination{
		Kind: s.Queue.Kind,
		Name: strings.TrimSuffix(s.Queue.Name, s.Suffix) + "." + d.key() + s.Suffix,
	}
}
