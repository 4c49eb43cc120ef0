package broker

import (
	"context"

	"github.com/conclavemq/conclave/store"
)

// A clean stop knows whether anything that was delivered is still there. Where
// nothing is, it withdraws the exposure, so that what no consumer has seen is
// not flagged as redelivered by the next master, as it has to be after a crash.
// With persistJMSRedelivered what was given back has its redelivery counter in
// the store, which flags it alone.

// conceal withdraws the exposure of every destination where that is possible.
// Connections have ended, so nothing is in flight but what prepared
// transactions hold.
func (b *Broker) conceal(ctx context.Context) error {
	if b.owned() != nil {
		return nil
	}
	for _, t := range b.registry.all() {
		var ops []store.Op
		switch t := t.(type) {
		case *queue:
			ops = t.concealment()
		case *topic:
			ops = t.concealment()
		}
		if len(ops) == 0 {
			continue
		}
		b.began()
		b.store.Append(&store.Unit{Ops: ops, Sync: true, Done: func(error) { b.ended() }})
	}
	return b.settled(ctx)
}

// concealment is the unit that withdraws the queue's exposure; nil if it has
// none, if something was delivered and is still there without its counter in
// the store, or if not everything that the exposure covers is known.
func (q *queue) concealment() []store.Op {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := &q.window
	known := q.inherited == 0 || !w.behind() && q.seek == nil
	if q.removed || q.exposed == 0 || !known || w.paging ||
		len(q.locked) > 0 || len(q.fetch) > 0 || q.stats.inflight.Load() != 0 {
		return nil
	}
	if len(q.counts) > 0 {
		return nil
	}
	var given []store.Op
	for r := w.head; r != nil; r = r.next {
		if r.stored && r.redeliveries > r.m.RedeliveryCounter {
			given = append(given, store.Op{Action: store.Recount, Destination: q.dest, ID: r.m.ID, Seq: r.key.seq, Redeliveries: r.redeliveries})
		}
	}
	if len(given) > 0 {
		// What an earlier master may have delivered before it crashed is not known.
		if !q.policy.PersistJMSRedelivered || q.inherited != 0 {
			return nil
		}
		q.b.store.Append(&store.Unit{Ops: given})
	}
	return []store.Op{{Action: store.Expose, Destination: q.dest}}
}

// concealment withdraws the topic's exposure if no durable subscription has
// been given a message that it has not acknowledged: a message has one counter
// for all of them.
func (t *topic) concealment() []store.Op {
	t.mu.Lock()
	exposed, inherited := t.exposed, t.inherited
	t.mu.Unlock()
	if exposed == 0 || inherited != 0 {
		return nil
	}
	for _, l := range *t.subscribers.Load() {
		f, ok := l.(*feed)
		if !ok {
			continue
		}
		f.d.mu.Lock()
		clean := len(f.redelivered) == 0 && len(f.locked) == 0 && len(f.fetch) == 0
		f.d.mu.Unlock()
		if !clean {
			return nil
		}
	}
	return []store.Op{{Action: store.Expose, Destination: t.dest}}
}
