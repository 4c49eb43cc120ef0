package main

import (
	"sync"
	"time"

	"github.com/conclavemq/conclave/console"
	"github.com/conclavemq/conclave/lock"
)

// holderWatch knows who has the lock. The storage or the database is asked when
// somebody wants to know, at most once a second, and by one goroutine, for it may
// hang: then what is known is said, and how old it is.
type holderWatch struct {
	ask func() (lock.Status, error)

	mu     sync.Mutex
	status lock.Status   // mu
	err    error         // mu
	at     time.Time     // mu; of the last answer
	asking chan struct{} // mu; closed when the question is answered; nil: none is
}

const (
	holderFresh = time.Second            // an answer is not asked for again
	holderWait  = 200 * time.Millisecond // for an answer
	holderStale = 5 * time.Second        // an answer is too old to be believed
)

// describe says who has the lock, and why that is not known. w may be nil.
func (w *holderWatch) describe(now time.Time) (h *console.Holder, problem string) {
	if w == nil {
		return nil, ""
	}
	w.refresh(now)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case now.Sub(w.at) > holderStale: // or never
		return nil, lock.ErrHung.Error()
	case w.err != nil:
		return nil, w.err.Error()
	}
	return consoleHolder(&w.status, now), ""
}

// refresh asks, if what is known is old, and waits a little.
func (w *holderWatch) refresh(now time.Time) {
	w.mu.Lock()
	if now.Sub(w.at) < holderFresh {
		w.mu.Unlock()
		return
	}
	if w.asking == nil {
		w.asking = make(chan struct{})
		go w.answer(w.asking)
	}
	asking := w.asking
	w.mu.Unlock()
	select {
	case <-asking:
	case <-time.After(holderWait):
	}
}

func (w *holderWatch) answer(done chan struct{}) {
	status, err := w.ask()
	w.mu.Lock()
	w.status, w.err, w.at, w.asking = status, err, time.Now(), nil
	w.mu.Unlock()
	close(done)
}

func consoleHolder(s *lock.Status, now time.Time) *console.Holder {
	if s.IsForeign() {
		return &console.Holder{Held: true, PID: s.ForeignPID, Foreign: s.Describe()}
	}
	o := &s.Holder
	h := &console.Holder{Held: s.Held, Epoch: o.Epoch, BrokerName: o.Broker, Host: o.Host, PID: o.PID, Since: o.Since, URIs: o.URIs}
	if s.Held && !o.Since.IsZero() {
		h.HeldSeconds = max(0, now.Sub(o.Since).Seconds())
	}
	return h
}
