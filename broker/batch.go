package broker

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// batch is a unit that may add to several destinations: a composite send, a
// dead letter, a transaction.
type batch struct {
	b      *Broker
	ops    []store.Op
	adds   []addition
	before func(error) // called first when the outcome is known
	// refused, if not nil, is asked when the store has refused the unit. True
	// says that again is called later: with nil to append it once more, or with
	// the error that it has failed with.
	refused func(err error, again func(error)) bool
	after   func(error) // called before done
}

// addition is one message for one destination; op is the index of its Add, -1
// if it is not stored.
type addition struct {
	target target
	m      *message.Message
	op     int
	mark   *imprint // of a transaction's send: the id that it is remembered by
}

func newBatch(b *Broker) *batch { return &batch{b: b} }

// then calls f, too, when the outcome is known and what was added has arrived.
func (u *batch) then(f func(error)) {
	before := u.after
	if before == nil {
		u.after = f
		return
	}
	u.after = func(err error) {
		before(err)
		f(err)
	}
}

// add sends m to t with the rest.
func (u *batch) add(t target, m *message.Message) {
	a := addition{target: t, m: m, op: -1}
	if t.stores(m) {
		a.op = len(u.ops)
		p := t.base()
		u.ops = append(u.ops, store.Op{Action: store.Add, Destination: p.dest, Message: m, Prioritized: p.policy.PrioritizedMessages})
	}
	u.adds = append(u.adds, a)
}

// commit appends the operations, if there are any, and makes the messages
// visible when that has happened.
func (u *batch) commit(outcome store.Outcome, id message.TransactionID, sync bool, done func(error)) {
	if len(u.ops) == 0 {
		u.finish(nil, u.b.owned())
		done(u.b.owned())
		return
	}
	u.announce()
	unit := &store.Unit{Ops: u.ops, Transaction: id, Outcome: outcome, Sync: sync}
	u.append(unit, done)
}

func (u *batch) announce() {
	for i := range u.adds {
		if a := &u.adds[i]; a.op >= 0 {
			a.target = u.b.announced(a.target)
		}
	}
}

func (u *batch) append(unit *store.Unit, done func(error)) {
	u.b.began()
	unit.Done = func(err error) {
		defer u.b.ended()
		if err != nil && u.refused != nil && u.refused(err, func(err error) { u.again(unit, err, done) }) {
			return
		}
		u.finish(unit.Ops, err)
		done(refusal(err))
	}
	u.b.store.Append(unit)
}

// again appends a unit that was refused once more, or ends it.
func (u *batch) again(unit *store.Unit, err error, done func(error)) {
	if err != nil {
		u.finish(unit.Ops, err)
		done(err)
		return
	}
	u.append(&store.Unit{Ops: unit.Ops, Transaction: unit.Transaction, Outcome: unit.Outcome, Sync: unit.Sync}, done)
}

func (u *batch) finish(ops []store.Op, err error) {
	if u.before != nil {
		u.before(err)
	}
	for i := range u.adds {
		switch a := &u.adds[i]; {
		case err != nil && a.op >= 0:
			a.target.refuse()
		case err != nil:
		case a.op >= 0:
			a.target.arrive(a.m, &ops[a.op])
		default:
			a.target.arrive(a.m, nil)
		}
	}
	if u.after != nil {
		u.after(err)
	}
}
