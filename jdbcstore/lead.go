package jdbcstore

import (
	"fmt"

	"github.com/conclavemq/conclave/store"
)

var _ store.Leader = (*Store)(nil)

// Lead has the caller be the committer for a batch, if nobody is and the latest
// were of single units: a producer that is alone then waits for the database and
// for no other goroutine. What comes meanwhile is the committer's:
// a leader has a client of its own to serve.
//
// A leader waits for a database that has gone away as the committer does, until
// it is back or the lease is lost. Its client can do nothing else meanwhile, as
// with ActiveMQ, whose connections all use the database themselves.
func (s *Store) Lead() {
	if !s.role.Lead() {
		return
	}
	units, _ := s.take()
	if len(units) == 0 {
		return
	}
	defer s.handOn()
	s.rounds(units)
}

// handOn ends a lead. A fault on the way is final: some units may have been
// carried out and others not.
func (s *Store) handOn() {
	fault := recover()
	if fault != nil {
		s.fail(fmt.Errorf("%w: fault while committing: %v", store.ErrFailed, fault))
	}
	s.role.Rest()
	if fault != nil {
		panic(fault)
	}
}
