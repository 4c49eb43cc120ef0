package broker

import "github.com/conclavemq/conclave/store"

// sweep gets rid of expired messages that wait, so that they do so too where
// nobody consumes. (ActiveMQ: expireMessagesPeriod)
func (b *Broker) sweep() {
	if !b.mayServe() {
		return
	}
	for _, t := range b.registry.all() {
		if q, ok := t.(*queue); ok && q.policy.ExpireMessages {
			q.sweep()
			q.sweepStore()
			q.sweepSpool()
		}
	}
	b.durables.sweepAll()
}

// sweep looks through what is in memory.
func (q *queue) sweep() {
	now := q.b.nowMS()
	q.mu.Lock()
	var next *ref
	for r := q.window.head; r != nil; r = next {
		next = r.next
		if r.m.Expired(now) {
			q.window.remove(r)
			q.doomed = append(q.doomed, r)
		}
	}
	q.pageLocked()
	q.release()
}

// Bounds of what sweepStore reads at a time. (ActiveMQ: maxExpirePageSize)
const (
	expirePage      = 400
	expirePageBytes = 1 << 20
)

// sweepStore looks at the beginning of what is in the store alone, where no
// consumer makes the pager do so.
func (q *queue) sweepStore() {
	q.mu.Lock()
	w := &q.window
	due := w.behind && !w.paging && q.rota.n == 0 && w.low(&q.place) && !q.removed
	after := w.cursor
	q.mu.Unlock()
	if !due {
		return
	}
	entries, err := q.b.store.Page(nil, q.dest, after, expirePage, expirePageBytes)
	if err != nil {
		q.b.log.Error("cannot look for expired messages", "destination", q.dest.String(), "error", err)
		return
	}
	refs := q.claimExpired(entries)
	q.b.removeAll(refs, "", true, nil, func(error) {
		for _, r := range refs {
			q.unlock(r.key.seq, false)
		}
	})
}

// claimExpired locks those of a page that have expired, unless the pager has
// come by in between.
func (q *queue) claimExpired(entries []store.Entry) []*ref {
	now := q.b.nowMS()
	var refs []*ref
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		if !e.Message.Expired(now) || e.Seq <= q.window.cursor || q.window.paging || q.locked[e.Seq] {
			continue
		}
		q.lockLocked(e.Seq)
		r := &ref{}
		r.fromEntry(e, q)
		q.usage.add(r.size()) // settle takes both away again
		q.stats.inflight.Add(1)
		refs = append(refs, r)
	}
	return refs
}
