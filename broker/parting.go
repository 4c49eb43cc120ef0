package broker

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// What is remembered of a message when it goes. Of one that a bridge may have
// left at another broker without an answer there are two copies until it is
// sent there again; consumers may move meanwhile.
//
// If the copy that is here is consumed, that is recorded in the same unit, and
// the other is not taken when it comes. (It may be consumed where it is; the
// one that was delivered here is flagged for that.)
//
// If the copy that is here goes back to the broker that it has come from, the
// record of its arrival is removed in the same unit: that broker may hold it in
// the place of the one that it had sent, as ActiveMQ does, which keeps one of
// two with one id; and send it again as it did the first time.

// uses has it stored that bridges take messages from here, before the first
// does: after a crash any message may be at another broker, too.
func (a *bridged) uses() error {
	a.using.Lock()
	defer a.using.Unlock()
	if a.used.Load() {
		return nil
	}
	outcome := make(chan error, 1)
	u := newBatch(a.b)
	u.add(a, a.note())
	u.commit(store.None, message.TransactionID{}, true, func(err error) { outcome <- err })
	select {
	case err := <-outcome:
		if err == nil {
			a.used.Store(true)
		}
		return err
	case <-a.b.stop:
		return ErrClosed
	}
}

// doubt notes that a bridge had m and gave it back.
func (a *bridged) doubt(dest message.Destination, m *message.Message) {
	a.doubts.add(doubtOf(dest, m))
}

func doubtOf(dest message.Destination, m *message.Message) digest {
	return digestOf(dest.String() + " " + m.ID.ProducerKey())
}

// spent reports whether m was consumed here while another broker may have had
// it, too.
func (a *bridged) spent(m *message.Message) bool {
	if !m.Persistent || m.Destination.Kind.IsTemporary() {
		return a.passing.has(landing{hops: anyHops}.transient(m.Destination, m))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	was, known := a.knownLocked(flightKey{m.Destination, m.ID.ProducerKey()})
	return known && was.way.hops == anyHops
}

// parts adds to u what is remembered, or forgotten, when r goes, if bridges are
// used.
func (u *batch) parts(r *ref) {
	a := &u.b.bridged
	if !a.used.Load() {
		return
	}
	q, ok := r.home.(*queue)
	if !ok {
		return
	}
	if f := r.forwarder(); f != nil {
		if op, there := a.forget(f, q.dest, r.m); there {
			u.ops = append(u.ops, op)
		}
		return
	}
	switch consumed := (landing{hops: anyHops}); {
	case !r.doubtful && !a.doubts.has(doubtOf(q.dest, r.m)):
	case r.stored:
		u.add(a, a.record(&arriving{key: flightKey{q.dest, r.m.ID.ProducerKey()}, way: consumed}))
	default:
		a.passing.add(consumed.transient(q.dest, r.m))
	}
}

func (r *ref) forwarder() *forward {
	if r.owner == nil {
		return nil
	}
	return r.owner.forward
}

// forget takes out the record that m has come from the broker at f's far end.
func (a *bridged) forget(f *forward, dest message.Destination, m *message.Message) (op store.Op, there bool) {
	n := len(m.BrokerPath)
	if n == 0 || f.Name == "" || a.b.peers.name(m.BrokerPath[n-1]) != f.Name {
		return op, false
	}
	if !m.Persistent || dest.Kind.IsTemporary() {
		a.passing.forget(landing{f.Name, n}.transient(dest, m))
		return op, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := flightKey{dest, m.ID.ProducerKey()}
	was, known := a.knownLocked(key)
	if !known || was.way != (landing{f.Name, n}) {
		return op, false
	}
	l := a.known[dest]
	delete(l.known, was.digest)
	l.forgotten[was.seq] = struct{}{}
	a.stats.size.Add(-1)
	return store.Op{Action: store.Remove, Destination: a.dest, ID: was.id, Seq: was.seq}, true
}
