package journal

import (
	"fmt"

	"github.com/conclavemq/conclave/store"
)

var _ store.Leader = (*Journal)(nil)

// Lead has the caller be the committer for a batch, if nobody is and the latest
// were of single units: a producer that is alone and waits for each of its
// messages then waits for no other goroutine. What comes meanwhile is the
// committer's: a leader has a client of its own to serve.
func (j *Journal) Lead() {
	if !j.role.Lead() {
		return
	}
	units, _ := j.take()
	if len(units) == 0 {
		return
	}
	defer j.handOn()
	j.carryOut(units)
}

// handOn ends a lead. A fault on the way is final, as the committer's own is:
// some units may have been carried out and others not.
func (j *Journal) handOn() {
	fault := recover()
	if fault != nil {
		j.fail(fmt.Errorf("fault while committing: %v", fault))
	}
	j.role.Rest()
	if fault != nil {
		panic(fault)
	}
}
