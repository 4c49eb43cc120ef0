//go:build nfs

package nfs

import (
	"context"
	"sync"
	"time"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/test/harness"
)

// ack is one answered send, on the test's clock.
type ack struct{ began, came time.Time }

// witness sends to one node alone, for as long as it takes connections, and
// sees when it opened and when it answered.
type witness struct {
	node   *node
	ledger *harness.Ledger

	mu     sync.Mutex
	opened []time.Time // guarded by mu; connections that were accepted
	acks   []ack       // guarded by mu
}

// run sends until ctx ends.
func (w *witness) run(ctx context.Context) {
	tick := time.NewTicker(2 * pace)
	defer tick.Stop()
	for paced(ctx, tick) {
		w.serveOnce(ctx)
	}
}

// serveOnce is one connection to its end. That it ends is no error.
func (w *witness) serveOnce(ctx context.Context) {
	dialing, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := client.Dial(dialing, w.node.url(), client.Options{})
	if err != nil {
		return
	}
	opened := time.Now()
	defer func() {
		leaving, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = conn.Close(leaving)
	}()
	w.mu.Lock()
	w.opened = append(w.opened, opened)
	w.mu.Unlock()
	session, err := conn.Session(ctx, client.AutoAcknowledge)
	if err != nil {
		return
	}
	producer, err := session.Producer(ctx, orders, client.ProducerOptions{})
	if err != nil {
		return
	}
	name := "only-" + w.node.host.Name
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for paced(ctx, tick) {
		number, body := w.ledger.Next(name, bodySize)
		began := time.Now()
		if err := producer.Send(ctx, client.NewText(body)); err != nil {
			return
		}
		w.ledger.Acknowledged(name, number)
		w.mu.Lock()
		w.acks = append(w.acks, ack{began, time.Now()})
		w.mu.Unlock()
	}
}

// openedAfter is when the node first took a connection after a moment.
func (w *witness) openedAfter(moment time.Time) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, opened := range w.opened {
		if opened.After(moment) {
			return opened, true
		}
	}
	return time.Time{}, false
}

// ackedAfter is the first answer that came after a moment.
func (w *witness) ackedAfter(moment time.Time) (ack, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.acks {
		if a.came.After(moment) {
			return a, true
		}
	}
	return ack{}, false
}

// lastBefore is the last answer that came before a moment, or the zero time.
func (w *witness) lastBefore(moment time.Time) (last time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.acks {
		if a.came.Before(moment) {
			last = a.came
		}
	}
	return last
}

// beganBetween counts the sends that began in a span and were answered.
func (w *witness) beganBetween(from, to time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.acks {
		if a.began.After(from) && a.began.Before(to) {
			n++
		}
	}
	return n
}
