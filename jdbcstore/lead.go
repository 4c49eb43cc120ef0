package jdbcstore

import (
	"fmt"

	"github.com/conclavemq/conclave/store"
)

var _ store.Leader = (*Store)(nil)

// Lead has the caller be the committer for a batch, if nobody is and the last
// one was of a single unit: a producer that is alone then waits for the
// database and for no other goroutine. What comes meanwhile is the committer's:
// a leader has a client of its own to serve.
//
// A leader waits for a database that has gone away as the committer does, until
// it is back or the lease is lost. Its client can do nothing else meanwhile, as
// with ActiveMQ, whose connections all use the database themselves.
//
// A unit that was left to a leader is never forgotten. When it was appended
// nobody had the role, which changes hands under queueMu alone: whoever has it
// now has come after the unit, and has yet to look for what is pending.
func (s *Store) Lead() {
	if !s.left.Load() || !s.role.TryLock() {
		return
	}
	units, _ := s.take()
	if len(units) == 0 {
		return
	}
	defer s.handOn()
	s.rounds(units)
}

// handOn ends a lead. What has come meanwhile has woken the committer, which
// waits for the role. A fault on the way is final: some units may have been
// carried out and others not.
func (s *Store) handOn() {
	fault := recover()
	if fault != nil {
		s.fail(fmt.Errorf("%w: fault while committing: %v", store.ErrFailed, fault))
	}
	s.queueMu.Lock()
	s.restLocked()
	s.queueMu.Unlock()
	if fault != nil {
		panic(fault)
	}
}
