package broker

import (
	"context"
	"time"

	"github.com/conclavemq/conclave/store"
)

// sweepDue searches destinations for expired messages, each after its own
// period, so that they expire too where nobody consumes. (ActiveMQ:
// expireMessagesPeriod)
func (b *Broker) sweepDue(now time.Time) {
	if !b.mayServe() {
		return
	}
	ns := now.UnixNano()
	for _, t := range b.registry.all() {
		p := t.base()
		period := p.policy.ExpireMessagesPeriod
		if period > 0 && ns-p.searched.Load() >= int64(period) {
			p.searched.Store(ns)
			sweep(t)
		}
	}
}

// sweep searches all destinations for which that is wanted.
func (b *Broker) sweep() {
	if !b.mayServe() {
		return
	}
	for _, t := range b.registry.all() {
		if t.base().policy.ExpireMessagesPeriod > 0 {
			sweep(t)
		}
	}
}

func sweep(t target) {
	switch t := t.(type) {
	case *queue:
		t.sweep()
		t.sweepStore()
		t.sweepSpool()
	case *topic:
		for _, l := range *t.subscribers.Load() {
			if f, ok := l.(*feed); ok {
				f.sweep()
				f.sweepStore()
			}
		}
	}
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
// time, where no consumer makes the pager do so. ActiveMQ looks at the first
// page again and again, and misses what expires behind it. No pager and no
// operator works meanwhile: who has taken a message after it was read here
// would have it expire, too.
func (q *queue) sweepStore() {
	q.mu.Lock()
	rank, after, due := q.sweepDueLocked()
	q.window.paging = q.window.paging || due
	q.mu.Unlock()
	if !due {
		return
	}
	limit := max(q.policy.MaxExpirePageSize, 1)
	entries, err := q.read(rank, after, limit, expirePageBytes)
	if err != nil {
		q.b.log.Error("cannot look for expired messages", "destination", q.dest.String(), "error", err)
	}
	q.mu.Lock()
	var refs []*ref
	if err == nil {
		refs = q.claimExpiredLocked(rank, entries, mayGoOn(entries))
	}
	q.letPager()
	q.b.removeAll(refs, "", true, nil, func(error) { q.unlockAll(refs) })
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

// claimExpiredLocked locks those of a page that have expired.
func (q *queue) claimExpiredLocked(rank uint8, entries []store.Entry, full bool) []*ref {
	now := q.b.nowMS()
	var refs []*ref
	if q.removed {
		return nil
	}
	q.swept = key{rank: (rank + 1) % q.window.lanes()}
	if full {
		q.swept = key{seq: entries[len(entries)-1].Seq, rank: rank}
	}
	for i := range entries {
		if e := &entries[i]; e.Message.Expired(now) {
			if r := q.claimLocked(e); r != nil {
				refs = append(refs, r)
			}
		}
	}
	return refs
}

// claimLocked takes a message that is in the store alone, as if it had been
// delivered, or returns nil if it is anywhere else. No pager is at work. It is
// locked until unlockAll.
func (q *queue) claimLocked(e *store.Entry) *ref {
	rank := q.window.rank(e.Message)
	l := q.window.lane(rank)
	if _, taken := q.locked[e.Seq]; taken || e.Seq <= l.cursor && !l.passed.has(e.Seq) {
		return nil
	}
	if e.Seq <= l.cursor {
		l.passed.drop(e.Seq)
	}
	q.lockLocked(e.Seq)
	r := &ref{}
	q.fromStore(r, e, rank)
	q.usage.add(r.size()) // settle takes both away again
	q.stats.inflight.Add(1)
	return r
}

// unlockAll ends the lock of claimed messages that are gone. A pager may just
// have read a page with them, which must not bring them back.
func (q *queue) unlockAll(refs []*ref) {
	q.mu.Lock()
	for _, r := range refs {
		if _, ok := q.locked[r.key.seq]; ok {
			q.gone = append(q.gone, r.key.seq)
		}
	}
	q.release()
}

// idleLocked does what waits for no pager to be at work.
func (q *queue) idleLocked() {
	for _, seq := range q.gone {
		delete(q.locked, seq)
	}
	q.gone = nil
	if q.idled != nil {
		close(q.idled)
		q.idled = nil
	}
}

// holdPager keeps pagers away until letPager, when none is at work any more;
// false if ctx or the queue has ended. The queue is locked if it is true.
func (q *queue) holdPager(ctx context.Context) bool {
	for {
		q.mu.Lock()
		if !q.window.paging || q.removed {
			break
		}
		if q.idled == nil {
			q.idled = make(chan struct{})
		}
		idled := q.idled
		q.mu.Unlock()
		select {
		case <-idled:
			continue
		case <-ctx.Done():
		case <-q.b.quiet:
		}
		q.mu.Lock()
		if q.idled == idled { // no pager begins while it is there
			close(idled)
			q.idled = nil
		}
		q.pageLocked()
		q.release()
		return false
	}
	if q.removed {
		q.mu.Unlock()
		return false
	}
	q.window.paging = true
	return true
}

// letPager ends holdPager, does what a pager does at its end, and unlocks:
// what has come meanwhile left everything to the pager.
func (q *queue) letPager() {
	q.window.paging = false
	q.dispatchLocked()
	q.answerLocked()
	q.release()
}
