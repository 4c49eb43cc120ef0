package broker

import (
	"context"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// pageLocked starts the pager if the window has run low while there is more
// in the store. There is at most one pager a queue, and none for a queue
// without consumers.
func (q *queue) pageLocked() {
	q.forgetGoneLocked()
	w := &q.window
	if w.paging || q.removed || q.rota.n == 0 || q.b.stopping.Load() {
		return
	}
	if len(q.fetch) == 0 && (!w.behind || !w.low(&q.place)) {
		return
	}
	w.paging = true
	q.b.run(q.page)
}

// page reads from the store until the window is full or has caught up.
func (q *queue) page() {
	for {
		q.mu.Lock()
		w := &q.window
		if fetch := q.fetch; len(fetch) > 0 && !q.removed {
			q.fetch = nil
			q.mu.Unlock()
			q.restore(fetch)
			continue
		}
		if q.removed || !w.behind || !w.low(&q.place) || q.b.stopping.Load() {
			w.paging = false
			q.dispatchLocked()
			waiting := q.pullersLocked()
			q.release()
			answerPulls(waiting)
			return
		}
		after, seen := w.cursor, w.visible
		limit, bytes := q.window.bounds(&q.place)
		limit, bytes = max(limit-w.n, 1), max(bytes-w.bytes, 1)
		q.mu.Unlock()

		entries, err := q.b.store.Page(nil, q.dest, after, limit, bytes)
		if err != nil {
			q.b.log.Error("cannot read a queue from the store", "destination", q.dest.String(), "error", err)
			q.mu.Lock()
			w.paging = false
			q.b.starved.Store(true) // try again with the next tick
			q.mu.Unlock()
			return
		}
		q.mu.Lock()
		q.admitLocked(entries, pageFull(entries, limit, bytes), seen)
		if q.window.head != nil && q.b.mayServe() {
			q.offerLocked()
		}
		q.release()
	}
}

// pageFull reports whether a page ended at a bound rather than at the end.
func pageFull(entries []store.Entry, limit int, bytes int64) bool {
	if len(entries) >= limit {
		return true
	}
	var sum int64
	for i := range entries {
		sum += entries[i].Message.Size()
	}
	return len(entries) > 0 && sum >= bytes
}

// admitLocked makes a page's messages available.
func (q *queue) admitLocked(entries []store.Entry, full bool, seen store.Seq) {
	if q.removed {
		return
	}
	refs := make([]ref, len(entries))
	i := 0
	q.window.admitPage(entries, full, seen, func(e *store.Entry, hint *ref) *ref {
		if q.locked[e.Seq] {
			return nil
		}
		r := &refs[i]
		i++
		r.fromEntry(e, q)
		q.usage.add(r.size())
		return q.window.insert(r, hint)
	})
}

// restore brings messages back that a rolled back transaction had locked.
func (q *queue) restore(positions []store.Seq) {
	for _, seq := range positions {
		entries, err := q.b.store.Page(nil, q.dest, seq-1, 1, 1)
		if err != nil {
			q.b.log.Error("cannot read a message back", "destination", q.dest.String(), "error", err)
			continue
		}
		if len(entries) == 0 || entries[0].Seq != seq {
			continue
		}
		r := &ref{}
		r.fromEntry(&entries[0], q)
		r.redeliveries = max(r.redeliveries, 1)
		q.mu.Lock()
		if !q.removed && seq <= q.window.cursor {
			q.enterLocked(r)
		}
		q.mu.Unlock()
	}
}

// lock keeps a message from being delivered that a prepared transaction has
// acknowledged.
func (q *queue) lock(seq store.Seq) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lockLocked(seq)
}

func (q *queue) lockLocked(seq store.Seq) {
	if q.locked == nil {
		q.locked = map[store.Seq]bool{}
	}
	q.locked[seq] = true
}

// unlock ends that: the message is gone, or has to be fetched if the cursor
// has passed it.
func (q *queue) unlock(seq store.Seq, fetch bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.locked, seq)
	if fetch && seq <= q.window.cursor {
		q.fetch = append(q.fetch, seq)
		q.pageLocked()
	}
}

// purgeChunk is how many removals one unit carries.
const purgeChunk = 1000

// Purge removes what waits in a queue and returns how many messages that
// were. What is in flight stays with its consumers. (ActiveMQ: Queue.purge)
func (b *Broker) Purge(ctx context.Context, dest message.Destination) (int, error) {
	q, ok := b.registry.find(dest).(*queue)
	if !ok {
		return 0, failure(ErrUnknownDestination, "The destination %s does not exist.", dest)
	}
	n := 0
	for {
		refs, err := q.takeAll()
		if err != nil || len(refs) == 0 {
			return n, err
		}
		for len(refs) > 0 {
			chunk := refs[:min(len(refs), purgeChunk)]
			refs = refs[len(chunk):]
			done := make(chan error, 1)
			b.consume(chunk, true, nil, func(err error) { done <- err })
			select {
			case err = <-done:
			case <-ctx.Done():
				err = ctx.Err()
			}
			if err != nil {
				return n, err
			}
			n += len(chunk)
		}
	}
}

// takeAll takes the window's messages out, or a page of the store's when the
// window is empty.
func (q *queue) takeAll() ([]*ref, error) {
	q.mu.Lock()
	defer q.release()
	if q.window.head == nil && q.window.behind && !q.window.paging {
		q.window.paging = true
		after, seen := q.window.cursor, q.window.visible
		limit, bytes := q.window.bounds(&q.place)
		q.mu.Unlock()
		entries, err := q.b.store.Page(nil, q.dest, after, limit, bytes)
		q.mu.Lock()
		q.window.paging = false
		if err != nil {
			return nil, err
		}
		q.admitLocked(entries, pageFull(entries, limit, bytes), seen)
	}
	var refs []*ref
	for r := q.window.head; r != nil; r = q.window.head {
		q.window.remove(r)
		q.stats.inflight.Add(1)
		refs = append(refs, r)
	}
	return refs, nil
}
