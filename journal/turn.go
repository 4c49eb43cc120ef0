package journal

import (
	"context"

	"github.com/conclavemq/conclave/store"
)

// turnLeast is how long a file has to be for Turn to be worth two syncs.
const turnLeast = 1 << 20

// Turn ends the current file and begins another, which units that are appended
// meanwhile wait for as ever. Before a planned hand-over that leaves little
// for the next master to copy (see inherit). It waits until that has happened,
// or did not seem worth it, or ctx ends.
func (j *Journal) Turn(ctx context.Context) {
	done := make(chan struct{})
	if !j.turn.CompareAndSwap(nil, &done) {
		return
	}
	j.role.Wake()
	select {
	case <-done:
	case <-j.ended:
	case <-ctx.Done():
	}
}

// turnIfAsked is the committer's part.
func (j *Journal) turnIfAsked() {
	if j.turn.Load() == nil {
		return
	}
	done := j.turn.Swap(nil)
	defer close(*done)
	if j.writer.current.pos < turnLeast || j.failureOf() != nil {
		return
	}
	if err := j.rotate(); err != nil && err != store.ErrNoSpace { // without space the file goes on
		j.fail(err)
	}
}
