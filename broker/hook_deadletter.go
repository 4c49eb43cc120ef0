package broker

import (
	"regexp"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
)

// DeadLetterDiscard drops dead letters by where they come from. (ActiveMQ:
// DiscardingDLQBroker)
type DeadLetterDiscard struct {
	All             bool
	TemporaryTopics bool
	TemporaryQueues bool
	// Only are expressions of which one has to match; they are anchored.
	Only []*regexp.Regexp
	// ReportInterval is after how many drops the log says so; 0 never.
	ReportInterval int64

	dropped atomic.Int64
}

// drops reports whether a dead letter of a destination is dropped, and counts
// it. d may be nil.
func (d *DeadLetterDiscard) drops(b *Broker, from message.Destination) bool {
	if d == nil || !d.covers(from) {
		return false
	}
	if n := d.dropped.Add(1); d.ReportInterval > 0 && n%d.ReportInterval == 0 {
		b.log.Info("dead letters were discarded", "total", n)
	}
	return true
}

func (d *DeadLetterDiscard) covers(from message.Destination) bool {
	switch {
	case d.All, d.TemporaryTopics && from.Kind == message.TempTopic, d.TemporaryQueues && from.Kind == message.TempQueue:
		return true
	}
	for _, e := range d.Only {
		if e.MatchString(from.Name) {
			return true
		}
	}
	return false
}
