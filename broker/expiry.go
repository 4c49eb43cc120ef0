package broker

import (
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
		if period > 0 && ns-p.swept.Load() >= int64(period) {
			p.swept.Store(ns)
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

// Bounds of what sweepStore reads at a time. (ActiveMQ: maxExpirePageSize)
const (
	expirePage      = 400
	expirePageBytes = 1 << 20
)

// sweepStore looks at a page of what is in the store alone, where no consumer
// makes the pager do so. It goes on where it stopped the time before; ActiveMQ
// looks at the first page again and again, and misses what expires behind it.
func (q *queue) sweepStore() {
	q.mu.Lock()
	w := &q.window
	due := w.behind && !w.paging && q.rota.n == 0 && w.low(&q.place) && !q.removed
	after := max(w.cursor, q.searched)
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
	q.b.removeAll(refs, "", true, nil, func(error) { q.unlockAll(refs) })
}

// claimExpired locks those of a page that have expired.
func (q *queue) claimExpired(entries []store.Entry) []*ref {
	now := q.b.nowMS()
	var refs []*ref
	q.mu.Lock()
	defer q.mu.Unlock()
	q.searched = 0
	if n := len(entries); n > 0 && pageFull(entries, expirePage, expirePageBytes) {
		q.searched = entries[n-1].Seq
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
// delivered, or returns nil if it is anywhere else. It is locked until
// unlockAll.
func (q *queue) claimLocked(e *store.Entry) *ref {
	if e.Seq <= q.window.cursor || q.locked[e.Seq] || q.removed {
		return nil
	}
	q.lockLocked(e.Seq)
	r := &ref{}
	r.fromEntry(e, q)
	q.usage.add(r.size()) // settle takes both away again
	q.stats.inflight.Add(1)
	return r
}

// unlockAll ends the lock of claimed messages that are gone. A pager may just
// have read a page with them, which must not bring them back.
func (q *queue) unlockAll(refs []*ref) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range refs {
		if q.locked[r.key.seq] {
			q.gone = append(q.gone, r.key.seq)
		}
	}
	q.forgetGoneLocked()
}

func (q *queue) forgetGoneLocked() {
	if len(q.gone) == 0 || q.window.paging {
		return
	}
	for _, seq := range q.gone {
		delete(q.locked, seq)
	}
	q.gone = nil
}

// sweepStore looks at a page of what is pending for a subscription that nobody
// is connected to.
func (f *feed) sweepStore() {
	d := f.d
	d.mu.Lock()
	due := d.active == nil && !f.cleared && f.pending.Load() > 0 && d.unsettled.Load() == 0
	after := f.searched
	d.mu.Unlock()
	if !due {
		return
	}
	entries, err := d.b.store.PageSubscription(nil, f.t.dest, d.key(), after, expirePage, expirePageBytes)
	if err != nil {
		d.b.log.Error("cannot look for expired messages", "subscription", d.key(), "topic", f.t.dest.Name, "error", err)
		return
	}
	if refs := f.claimExpired(entries); len(refs) > 0 {
		d.b.removeAll(refs, "", true, d, func(error) {
			for _, r := range refs {
				f.unlock(r.key.seq, false)
			}
			d.settle(1)
		})
	}
}

// claimExpired takes those of a page that have expired, unless somebody has
// connected in between. Who connects now waits for what is unsettled.
func (f *feed) claimExpired(entries []store.Entry) []*ref {
	d, now := f.d, f.d.b.nowMS()
	var refs []*ref
	d.mu.Lock()
	defer d.mu.Unlock()
	f.searched = 0
	if d.active != nil || f.cleared {
		return nil
	}
	if n := len(entries); n > 0 && pageFull(entries, expirePage, expirePageBytes) {
		f.searched = entries[n-1].Seq
	}
	for i := range entries {
		e := &entries[i]
		if !e.Message.Expired(now) || f.locked[e.Seq] {
			continue
		}
		f.lockLocked(e.Seq)
		r := &ref{}
		r.fromEntry(e, f)
		f.t.usage.add(r.size()) // settle takes both away again
		f.t.stats.inflight.Add(1)
		refs = append(refs, r)
	}
	if len(refs) > 0 {
		d.unsettled.Add(1)
	}
	return refs
}
