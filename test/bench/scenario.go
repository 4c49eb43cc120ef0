package main

import (
	"context"
	"strings"
	"time"
)

// scenario is one load, which every generator can produce.
type scenario struct {
	URL           string
	Destination   string // "queue://…" or "topic://…"
	Producers     int
	Consumers     int
	Size          int // bytes of a body
	Persistent    bool
	NoAnswer      bool // persistent messages are sent without waiting
	Batch         int  // messages a transaction of a producer, 0 none
	ConsumerBatch int  // messages a transaction of a consumer, 0 automatic acknowledgement
	Warmup        time.Duration
	Duration      time.Duration
	// Drain consumers end when they have received this many messages between
	// them, which are there already; Duration then plays no part.
	Drain int64
	// Measuring is called when the warm-up is over, and what it returns when
	// the measurement ends; may be nil. Only the Go generator calls it.
	Measuring func() func()
}

// copies is how many consumers receive each message.
func (s *scenario) copies() int64 {
	if strings.HasPrefix(s.Destination, "topic://") {
		return int64(s.Consumers)
	}
	return 1
}

// outcome is what a scenario measured after its warm-up.
type outcome struct {
	Messages int64 // received where there are consumers, else sent
	Rate     float64
	P50, P99 time.Duration // of a message's way, or of a send or transaction
	CPU      time.Duration // of the broker, meanwhile; Go generator only
}

// work is the broker's processor time a message, in µs.
func (o *outcome) work() float64 {
	if o.Messages == 0 {
		return 0
	}
	return o.CPU.Seconds() * 1e6 / float64(o.Messages)
}

// generator produces load.
type generator interface {
	run(ctx context.Context, s scenario) (outcome, error)
}
