package broker

import (
	"context"

	"github.com/conclavemq/conclave/store"
)

// A clean stop knows exactly which messages have been delivered: those whose
// redelivery counter has risen. It stores these counters and withdraws the
// exposure, so that what no consumer has seen is not flagged as redelivered by
// the next master, as it has to be after a crash.

// Bounds of what a stop stores for one queue; beyond them the exposure stays.
const (
	mostConcealed      = 10_000
	mostConcealedBytes = 64 << 20
)

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
// none, or not everything that it covers is known.
func (q *queue) concealment() []store.Op {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := &q.window
	known := q.inherited == 0 || !w.behind
	if q.removed || q.exposed == 0 || !known || w.paging ||
		len(q.locked) > 0 || len(q.fetch) > 0 || q.stats.inflight.Load() != 0 {
		return nil
	}
	var ops []store.Op
	var bytes int64
	for r := w.head; r != nil; r = r.next {
		if !r.stored || r.redeliveries <= r.m.RedeliveryCounter {
			continue
		}
		m := r.m.Copy()
		m.RedeliveryCounter = r.redeliveries
		ops = append(ops, store.Op{Action: store.Update, Destination: q.dest, Message: m, ID: m.ID, Seq: r.key.seq})
		if bytes += r.size(); len(ops) > mostConcealed || bytes > mostConcealedBytes {
			return nil
		}
	}
	return append(ops, store.Op{Action: store.Expose, Destination: q.dest})
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
