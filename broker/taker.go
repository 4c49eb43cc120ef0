package broker

import (
	"context"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// takePage bounds what a taker has in hand.
const takePage = 256

// taker takes the messages that are wanted out of a queue: first what waits in
// memory, then what is in the store alone; what has come since it began is left
// alone, so that it ends though it be fed by what becomes of what it takes. What it has taken counts as in flight, and what it takes from the
// store is locked.
type taker struct {
	q     *queue
	wants func(*message.Message) bool
	left  int // how many more are wanted

	refs  []*ref // what was taken last
	err   error
	began bool
	after store.Seq
	last  int64 // the last BrokerSequence before it began
	done  bool
}

// next takes some; false says that there are no more, or that err is set.
func (k *taker) next(ctx context.Context) bool {
	k.refs = nil
	if !k.began {
		k.began = true
		k.fromWindow()
	}
	for len(k.refs) == 0 && !k.done && k.left > 0 && k.err == nil {
		k.fromStore(ctx)
	}
	return len(k.refs) > 0
}

// fromWindow takes what waits in memory, at once.
func (k *taker) fromWindow() {
	q := k.q
	q.mu.Lock()
	defer q.release()
	k.last = q.b.sequence.Load()
	var next *ref
	for r := q.window.head; r != nil && k.left > 0; r = next {
		next = r.next
		if k.wants(r.m) {
			k.takeLocked(r)
		}
	}
	q.pageLocked()
}

// takeLocked takes a message out of the window.
func (k *taker) takeLocked(r *ref) {
	k.q.window.remove(r)
	if r.lent {
		k.q.b.bridged.leaving.add(r)
	}
	k.q.stats.inflight.Add(1)
	k.refs = append(k.refs, r)
	k.left--
}

// fromStore takes from the next page of the store, while no pager is at work.
// What one has brought into memory meanwhile is taken from there.
func (k *taker) fromStore(ctx context.Context) {
	q := k.q
	if !q.holdPager(ctx) {
		k.err, k.done = ctx.Err(), true
		return
	}
	q.mu.Unlock()
	entries, err := q.b.store.Page(nil, q.dest, k.after, takePage, expirePageBytes)
	q.mu.Lock()
	defer q.letPager()
	if err != nil || len(entries) == 0 || q.removed {
		k.err, k.done = err, true
		return
	}
	var waiting map[store.Seq]*ref // of the window, made when it is needed
	for i := range entries {
		e := &entries[i]
		if k.after = e.Seq; k.left <= 0 {
			return
		}
		if e.Message.ID.BrokerSequence > k.last || !k.wants(e.Message) {
			continue
		}
		if r := q.claimLocked(e); r != nil {
			k.refs = append(k.refs, r)
			k.left--
			continue
		}
		if waiting == nil {
			waiting = q.window.stored()
		}
		if r := waiting[e.Seq]; r != nil {
			k.takeLocked(r)
		}
	}
}

// stored are a window's messages that are in the store, by position.
func (w *window) stored() map[store.Seq]*ref {
	m := make(map[store.Seq]*ref, w.n)
	for r := w.head; r != nil; r = r.next {
		if r.stored {
			m[r.key.seq] = r
		}
	}
	return m
}

// putBack gives back what was taken and not used.
func (q *queue) putBack(refs []*ref) {
	q.mu.Lock()
	for _, r := range refs {
		passed, locked := q.locked[r.key.seq]
		if !locked {
			q.returnLocked(r)
			continue
		}
		q.stats.inflight.Add(-1) // the pager will find it
		q.countLocked(r)
		q.usage.release(r.size())
		delete(q.locked, r.key.seq)
		if passed || r.key.seq <= q.window.lane(r.key.rank).cursor {
			q.fetch = append(q.fetch, r.key.seq)
		}
	}
	q.dispatchLocked()
	q.release()
}

// walk shows the messages of a queue that wait or are in flight: those in the
// store, and those in memory that are not, until f says false.
func (q *queue) walk(ctx context.Context, f func(*message.Message) (bool, error)) error {
	q.mu.Lock()
	last := q.b.sequence.Load()
	var transient []*message.Message
	for r := q.window.head; r != nil; r = r.next {
		if !r.stored || r.unit != nil {
			transient = append(transient, r.m)
		}
	}
	q.mu.Unlock()
	seen := map[message.MessageKey]bool{}
	for _, m := range transient {
		seen[m.ID.Key()] = true
		if on, err := f(m); err != nil || !on {
			return err
		}
	}
	for after := store.Seq(0); ctx.Err() == nil; {
		entries, err := q.b.store.Page(nil, q.dest, after, takePage, expirePageBytes)
		if err != nil || len(entries) == 0 {
			return err
		}
		for i := range entries {
			e := &entries[i]
			after = e.Seq
			if e.Message.ID.BrokerSequence > last || seen[e.Message.ID.Key()] {
				continue // too late; or its write was on its way above
			}
			if on, err := f(e.Message); err != nil || !on {
				return err
			}
		}
	}
	return ctx.Err()
}
