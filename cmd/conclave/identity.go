package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/conclavemq/conclave/message"
)

// newBrokerID is an id in ActiveMQ's form, ID:host-port-ms-0:1, which no other
// start of a process has. The port is only there to tell processes of one host
// and millisecond apart, so a random number does as well. (IdGenerator)
func newBrokerID() message.BrokerID {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return message.BrokerID(fmt.Sprintf("ID:%s-%d-%d-0:1", host, 1024+rand.IntN(1<<16-1024), time.Now().UnixMilli()))
}

// stopwatch takes the time of the steps of a take-over, in milliseconds.
type stopwatch struct {
	start, last          time.Time
	store, broker, ports float64
}

func (s *stopwatch) begin(now time.Time) { s.start, s.last = now, now }

func (s *stopwatch) lap(ms *float64) {
	now := time.Now()
	*ms = milliseconds(now.Sub(s.last))
	s.last = now
}

func (s *stopwatch) total() float64 { return milliseconds(s.last.Sub(s.start)) }

// milliseconds has two digits after the point.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
