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

// expirePageBytes bounds what sweepStore reads at a time, beside
// maxExpirePageSize.
const expirePageBytes = 1 << 20

// sweepStore looks at a part of what is in the store alone, another one each
// time, where no consumer makes the pager do so.
func (q *queue) sweepStore() {
	q.mu.Lock()
	rank, after, due := q.sweepDueLocked()
	q.mu.Unlock()
	if !due {
		return
	}
	limit := max(q.policy.MaxExpirePageSize, 1)
	entries, err := q.read(rank, after, limit, expirePageBytes)
	if err != nil {
		q.b.log.Error("cannot look for expired messages", "destination", q.dest.String(), "error", err)
		return
	}
	refs := q.claimExpired(rank, entries, mayGoOn(entries))
	q.b.removeAll(refs, "", true, nil, func(error) {
		for _, r := range refs {
			q.unlock(r.key.seq, false)
		}
	})
}

// sweepDueLocked says where sweepStore goes on: behind where it ended, in the
// first lane that has something.
func (q *queue) sweepDueLocked() (rank uint8, after store.Seq, due bool) {
	w := &q.window
	if w.paging || q.removed {
		return 0, 0, false
	}
	for n := range w.lanes() + 1 {
		rank, after := (q.swept.rank+n)%w.lanes(), store.Seq(0)
		if n == 0 {
			after = q.swept.seq
		}
		l := w.lane(rank)
		if first, ok := l.passed.beyond(after); ok {
			return rank, first - 1, true
		}
		if l.behind && q.rota.n == 0 && w.low(l, &q.place) {
			return rank, max(after, l.cursor), true
		}
	}
	return 0, 0, false
}

// claimExpired locks those of a page that have expired, unless the pager has
// come by in between.
func (q *queue) claimExpired(rank uint8, entries []store.Entry, full bool) []*ref {
	now := q.b.nowMS()
	var refs []*ref
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.window.paging || q.removed {
		return nil
	}
	l := q.window.lane(rank)
	q.swept = key{rank: (rank + 1) % q.window.lanes()}
	if full {
		q.swept = key{seq: entries[len(entries)-1].Seq, rank: rank}
	}
	for i := range entries {
		e := &entries[i]
		_, taken := q.locked[e.Seq]
		if !e.Message.Expired(now) || taken || e.Seq <= l.cursor && !l.passed.has(e.Seq) {
			continue
		}
		if e.Seq <= l.cursor {
			l.passed.drop(e.Seq)
		}
		q.lockLocked(e.Seq)
		r := &ref{}
		q.fromStore(r, e, rank)
		q.usage.add(r.size()) // settle takes both away again
		q.stats.inflight.Add(1)
		refs = append(refs, r)
	}
	return refs
}
