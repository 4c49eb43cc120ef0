package client

import (
	"time"

	"github.com/conclavemq/conclave/message"
)

// ProducerOptions configure a producer. The zero value sends persistent
// messages of priority 4 that never expire.
type ProducerOptions struct {
	NonPersistent bool
	Priority      Priority
	TTL           time.Duration // 0: never expires
	NoTimestamp   bool          // JMS: setDisableMessageTimestamp
	WindowSize    int32         // bytes that may be unacknowledged by the broker; 0: Options.ProducerWindow, -1: unbounded
	// KeepHeaders sends messages with the priority, persistence, timestamp and
	// expiration that they have, for those that are sent on.
	KeepHeaders bool
}

// DeliveryOptions are those of one message. (JMS: MessageProducer.send with
// delivery mode, priority and time to live)
type DeliveryOptions struct {
	NonPersistent bool
	Priority      Priority
	TTL           time.Duration // 0: never expires
}

// Priority of messages; the zero value is JMS's default of 4.
type Priority uint8

// PriorityOf gives the Priority of level 0–9.
func PriorityOf(level uint8) Priority { return Priority(min(level, 9) + 1) }

func (p Priority) level() uint8 {
	if p == 0 {
		return 4
	}
	return uint8(p - 1)
}

// stamp sets the headers of m that the options are about.
func (o *ProducerOptions) stamp(m *message.Message) {
	if o.KeepHeaders {
		return
	}
	m.Persistent = !o.NonPersistent
	m.Priority = o.Priority.level()
	m.Timestamp, m.Expiration = 0, 0
	if o.NoTimestamp && o.TTL <= 0 {
		return
	}
	now := time.Now().UnixMilli()
	if !o.NoTimestamp {
		m.Timestamp = now
	}
	if o.TTL > 0 {
		m.Expiration = now + max(o.TTL.Milliseconds(), 1)
	}
}
