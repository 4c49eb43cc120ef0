package broker

import (
	"slices"
	"strconv"

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
	now := a.b.nowMS()
	m := &message.Message{
		Persistent: true, Priority: 4, Destination: landingQueue, Producer: a.producer, Timestamp: now, BrokerInTime: now,
		ID: message.MessageID{Producer: a.producer, ProducerSequence: a.serial.Add(1), BrokerSequence: a.b.sequence.Add(1)},
	}
	outcome := make(chan error, 1)
	u := newBatch(a.b)
	u.add(a, m)
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

// spentKey is that of a message that was consumed here while another broker may
// have had it, too.
func spentKey(m *message.Message) flightKey {
	return flightKey{landingKey{"", m.Destination}, m.ID.ProducerKey()}
}

// spent reports whether there is such a record of m.
func (a *bridged) spent(m *message.Message) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.knowsLocked(spentKey(m))
}

func (a *bridged) knowsLocked(k flightKey) bool {
	l := a.known[k.landingKey]
	if l == nil {
		return false
	}
	_, known := l.known[digestOf(k.id)]
	return known
}

// hopKey is that of an arrival of m from source after so many hops.
func hopKey(source string, m *message.Message, hops int) flightKey {
	return flightKey{landingKey{source, m.Destination}, strconv.Itoa(hops) + " " + m.ID.ProducerKey()}
}

// strayLocked reports whether m is a copy that must not be stored: of what was
// consumed here, or of what has come here from a broker that m has been at, but
// that it went on from to another, because that other's answer was lost.
func (a *bridged) strayLocked(m *message.Message) bool {
	if len(a.known) == 0 || !m.Destination.Kind.IsQueue() {
		return false
	}
	if a.knowsLocked(spentKey(m)) {
		return true
	}
	for i, id := range m.BrokerPath[:len(m.BrokerPath)-1] {
		from, to := a.b.peers.name(id), a.b.peers.name(m.BrokerPath[i+1])
		if from != "" && to != "" && to != a.b.name && a.knowsLocked(hopKey(from, m, i+1)) {
			return true
		}
	}
	return false
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
	if r.doubtful || a.doubts.has(doubtOf(q.dest, r.m)) {
		m := r.m
		if m.Destination != q.dest {
			m = m.Copy()
			m.Destination = q.dest
		}
		if r.stored {
			u.add(a, a.record(&landing{spentKey(m)}))
		} else {
			a.passing.add(digestOf(q.dest.String() + " " + m.ID.ProducerKey()))
		}
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
	x := m
	if x.Destination != dest {
		x = m.Copy()
		x.Destination = dest
	}
	k := hopKey(f.Name, x, n)
	if !m.Persistent || dest.Kind.IsTemporary() {
		a.passing.forget(digestOf(dest.String() + " " + k.source + " " + k.id))
		return op, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.known[k.landingKey]
	if l == nil {
		return op, false
	}
	at, known := l.known[digestOf(k.id)]
	if !known {
		return op, false
	}
	delete(l.known, digestOf(k.id))
	if len(l.order) > 2*len(l.known)+landingPage {
		before := len(l.order)
		l.order = slices.DeleteFunc(l.order, func(o landed) bool { return l.known[o.digest] != o })
		a.total -= before - len(l.order)
	}
	a.stats.size.Add(-1)
	return store.Op{Action: store.Remove, Destination: a.dest, ID: at.id, Seq: at.seq}, true
}
