package lock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// expired is a deadline before every reading of the clock.
const expired = -1

// Lease is the ownership of a store for one epoch. Its methods are safe for
// concurrent use. Release must be called in the end, after a loss too, unless
// the process ends.
type Lease struct {
	epoch  uint64
	owner  Ownership // the keeper's
	timing timing
	log    *slog.Logger
	clock  func() time.Duration
	waited bool // never changes once Acquire has returned

	// deadline is the reading of clock from which the lease is invalid, in
	// nanoseconds. It rises by proofs and falls to expired on loss and
	// release; ended keeps it there.
	deadline atomic.Int64

	lost   chan struct{}     // closed by lose
	stop   chan struct{}     // closed by Release
	kept   chan struct{}     // closed by the keeper when owner is released
	checks chan chan<- error // from Check to the keeper

	last time.Duration // how long the last proof holds; the keeper's

	mu       sync.Mutex
	ended    bool  // guarded by mu; lost or released
	stopping bool  // guarded by mu; stop is closed
	cause    error // guarded by mu; why it was lost
	released error // written by the keeper before it closes kept
}

// timing is how often a lease is proven and how long a proof holds.
type timing struct {
	period time.Duration // between two proofs
	window time.Duration // validity, from the beginning of a proof
	grace  time.Duration // from the end of validity to loss
}

// newLease starts the keeper and the watchdog of an ownership that was last
// proven by a check that began at the given reading of the clock.
func newLease(epoch uint64, owner Ownership, proven time.Duration, t timing, clock func() time.Duration, log *slog.Logger) *Lease {
	l := &Lease{
		epoch:  epoch,
		owner:  owner,
		timing: t,
		log:    log,
		clock:  clock,
		lost:   make(chan struct{}),
		stop:   make(chan struct{}),
		kept:   make(chan struct{}),
		checks: make(chan chan<- error),
	}
	l.last = proven + t.window
	l.deadline.Store(int64(l.last))
	go l.keep()
	go l.watch()
	return l
}

// Epoch numbers this ownership: higher than that of every earlier one.
func (l *Lease) Epoch() uint64 { return l.epoch }

// Waited reports that another owned the store while this process waited, or
// that this process has owned it before: what begins now is a take-over.
func (l *Lease) Waited() bool { return l.waited }

// Valid reports whether this process may acknowledge and deliver now. It takes
// one reading of the clock and no lock: it is meant to be asked after every
// sync and before every delivery.
func (l *Lease) Valid() bool { return int64(l.clock()) < l.deadline.Load() }

// Proven is how long ago the last proof began. Of a lease that is suspended or
// has ended it is not known; ok is false.
func (l *Lease) Proven() (ago time.Duration, ok bool) {
	until := time.Duration(l.deadline.Load())
	if until <= expired {
		return 0, false
	}
	return l.clock() - (until - l.timing.window), true
}

// Lost is closed when the lease is lost. Release does not close it.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Cause says why the lease was lost, wrapping ErrLost; nil if it was not.
func (l *Lease) Cause() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}

// Check asks the storage for a proof that begins after the call and returns
// its outcome: nil, an error wrapping ErrLost or ErrReleased, or what kept the
// storage from proving anything. It does not wait beyond ctx.
func (l *Lease) Check(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case l.checks <- answer:
	case <-l.lost:
		return l.end()
	case <-l.stop:
		return l.end()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-l.lost:
		return l.end()
	case <-l.stop:
		return l.end()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end says how a lease ended that was lost or released.
func (l *Lease) end() error {
	if cause := l.Cause(); cause != nil {
		return cause
	}
	return ErrReleased
}

// Release ends the lease's validity, then gives the lock up and writes nothing
// after that. It waits for a storage call in flight for at most one window and
// then returns ErrHung; the lock goes when that call returns or the process
// ends. Every call after the first returns the same.
func (l *Lease) Release() error {
	l.mu.Lock()
	if !l.stopping {
		l.stopping, l.ended = true, true
		l.deadline.Store(expired)
		close(l.stop)
	}
	l.mu.Unlock()

	bound := time.NewTimer(l.timing.window)
	defer bound.Stop()
	select {
	case <-l.kept:
		return l.released
	case <-bound.C:
		return fmt.Errorf("release lock: %w", ErrHung)
	}
}

func (l *Lease) isEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// extend records a proof that began at the given reading of the clock.
func (l *Lease) extend(began time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	if until := int64(began + l.timing.window); until > l.deadline.Load() {
		l.deadline.Store(until)
	}
}

// suspend makes the lease invalid until the next proof.
func (l *Lease) suspend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.deadline.Store(expired)
	}
}

// lose ends the lease against its owner's will; only the first call counts.
func (l *Lease) lose(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	if !errors.Is(cause, ErrLost) {
		cause = fmt.Errorf("%w: %w", ErrLost, cause)
	}
	l.ended, l.cause = true, cause
	l.deadline.Store(expired)
	l.log.Error("no longer able to keep the exclusive lock so giving up being a master",
		"epoch", l.epoch, "cause", cause)
	close(l.lost)
}
