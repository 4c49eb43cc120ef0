package lock

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// watchTicks is how many of its own ticks make up the watchdog's grace period.
// The finer the tick, the less a pause that ends between two of them adds.
const watchTicks = 16

// keep proves the ownership once a period and whenever Check asks, until the
// lease is released; then it gives the ownership up. After a loss it makes no
// further call but that one.
func (l *Lease) keep() {
	defer close(l.kept)
	period := time.NewTicker(l.timing.period)
	defer period.Stop()
	var streak failures
	for {
		var answer chan<- error
		noticed, end := l.attend()
		select {
		case <-l.stop:
			end()
			l.released = l.owner.Release(l.clock() < l.last)
			return
		case <-l.lost:
			end()
			<-l.stop
			l.released = l.owner.Release(false)
			return
		case answer = <-l.checks:
		case <-period.C:
		case <-noticed:
		}
		end()
		err := l.proveOnce(&streak)
		if answer != nil {
			answer <- err
		}
	}
}

// attend lets an owner that can look out for a loss between two proofs do so.
// noticed is closed when it has seen something; end ends its work.
func (l *Lease) attend() (noticed <-chan struct{}, end func()) {
	owner, ok := l.owner.(Attentive)
	if !ok {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		owner.Attend(ctx)
	}()
	return done, func() {
		cancel()
		<-done
	}
}

func (l *Lease) proveOnce(streak *failures) error {
	began := l.clock()
	err := l.owner.Prove(func() bool { return !l.isEnded() && l.clock()-began < l.timing.window })
	took := l.clock() - began
	switch {
	case err == nil:
		l.last = began + l.timing.window
		l.extend(began)
	case errors.Is(err, ErrLost):
		l.lose(err)
		return err
	case errors.Is(err, ErrSuspended):
		l.suspend()
	}
	if streak.add(err != nil || took >= l.timing.window) {
		l.log.Warn("cannot prove that the lock is still held",
			"epoch", l.epoch, "took", took, "window", l.timing.window, "error", err)
	}
	return err
}

// failures tells the first of several failures in a row from the others.
type failures struct{ running bool }

func (f *failures) add(failed bool) (first bool) {
	first = failed && !f.running
	f.running = failed
	return first
}

// watch closes Lost when the lease has been invalid for the grace period.
// It counts ticks and not time: ticks missed in a pause are dropped, so the
// keeper has the whole grace period after a pause.
func (l *Lease) watch() {
	tick := time.NewTicker(l.timing.grace / watchTicks)
	defer tick.Stop()
	invalid := 0
	for {
		select {
		case <-l.stop:
			return
		case <-l.lost:
			return
		case <-tick.C:
		}
		if l.Valid() {
			invalid = 0
			continue
		}
		if invalid++; invalid >= watchTicks {
			l.lose(fmt.Errorf("not proven for %v: %w", l.timing.window+l.timing.grace, ErrHung))
			return
		}
	}
}
