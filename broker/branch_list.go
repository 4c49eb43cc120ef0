package broker

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
)

// list gives done the branches that are prepared when those have come through
// that are being prepared now: a client that does not wait for the answer of a
// prepare still finds its branch. (ActiveMQ carries a connection's commands out
// one after the other)
func (bs *branches) list(done func([]message.TransactionID)) {
	var left atomic.Int32
	left.Store(1)
	last := func() {
		if left.Add(-1) == 0 {
			done(bs.prepared())
		}
	}
	bs.mu.Lock()
	for _, t := range bs.byID {
		left.Add(1)
		if !t.after(last) {
			left.Add(-1)
		}
	}
	bs.mu.Unlock()
	last()
}

// prepared lists what waits for an outcome, oldest first.
func (bs *branches) prepared() []message.TransactionID {
	bs.mu.Lock()
	var list []*transaction
	for _, t := range bs.byID {
		t.mu.Lock()
		if t.state == prepared {
			list = append(list, t)
		}
		t.mu.Unlock()
	}
	bs.mu.Unlock()
	slices.SortFunc(list, func(t, u *transaction) int { return cmp.Compare(t.number, u.number) })
	ids := make([]message.TransactionID, len(list))
	for i, t := range list {
		ids[i] = t.id
	}
	return ids
}

// after has do called when the prepare that is under way has come through;
// false if none is.
func (t *transaction) after(do func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != preparing {
		return false
	}
	t.waiting = append(t.waiting, do)
	return true
}

// decided does what waited for the prepare.
func (t *transaction) decided() {
	t.mu.Lock()
	waiting := t.waiting
	t.waiting = nil
	t.mu.Unlock()
	for _, do := range waiting {
		do()
	}
}
