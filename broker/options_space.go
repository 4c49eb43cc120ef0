package broker

import (
	"time"

	"github.com/conclavemq/conclave/message"
)

// SpaceOptions is the part of Options about memory and space.
type SpaceOptions struct {
	// StoreLimit bounds the bytes that the store takes on its disk: producers
	// of stored messages wait at it; 0 does not. (ActiveMQ: storeUsage)
	StoreLimit int64
	// StoreInMemory says that the store itself keeps messages in memory, so
	// that they count as held there for as long as they are not consumed.
	// (ActiveMQ: persistent="false")
	StoreInMemory bool
	// ProducerPortion and ConsumerPortion are how much of the memory limit what
	// waits in queues may take, and what waits for subscribers of topics, in
	// percent; 0: there are no portions. (ActiveMQ:
	// splitSystemUsageForProducersConsumers)
	ProducerPortion, ConsumerPortion int
	// Spool takes messages that are not stored when memory is short; nil:
	// their producers wait then.
	Spool Spool
	// Limits, if not nil, is asked every LimitsPeriod what the limits of store
	// and spool are by now, given what they use. (ActiveMQ:
	// schedulePeriodForDiskUsageCheck)
	Limits       func(storeUsed, spoolUsed int64) (storeLimit, spoolLimit int64)
	LimitsPeriod time.Duration
}

// Spool keeps messages that are not stored outside memory. (ActiveMQ:
// PListStore)
type Spool interface {
	// NewList begins an empty list.
	NewList() SpoolList
	// Full reports that no producer should send what would be appended.
	Full() bool
	// Used and Limit are bytes on disk; a limit of 0 is none.
	Used() int64
	Limit() int64
	SetLimit(bytes int64)
}

// SpoolList is first in, first out. Positions in it rise.
type SpoolList interface {
	// Append puts m at the end, whether or not the spool is full. It fails
	// only for a message that can never be kept.
	Append(m *message.Message, seq, sub uint64) error
	// Read gives messages from a position on, or from the first that was not
	// released, until each returns false. next is the position behind one.
	Read(from int64, each func(m *message.Message, seq, sub uint64, next int64) bool) error
	// Release takes away what is before a position.
	Release(to int64)
	// End is the position behind the last message.
	End() int64
	// Close takes all away.
	Close()
}
