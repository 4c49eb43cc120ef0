package broker

import (
	"sync"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// branches are the XA transactions, active and prepared. (ActiveMQ:
// TransactionBroker)
type branches struct {
	b    *Broker
	mu   sync.Mutex
	byID map[message.TransactionID]*transaction // mu
}

// maxBranches bounds XA transactions that are not finished.
const maxBranches = 65536

func (bs *branches) init(b *Broker) {
	bs.b = b
	bs.byID = map[message.TransactionID]*transaction{}
}

func (bs *branches) find(id message.TransactionID) *transaction {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	return bs.byID[id]
}

// begin starts a branch, or does nothing if it has been started.
func (bs *branches) begin(id message.TransactionID, by *Connection) error {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.byID[id] != nil {
		return nil
	}
	if len(bs.byID) >= maxBranches {
		return &Error{Kind: ErrLimit, Text: "Too many transactions", Code: XAErrBroker}
	}
	bs.byID[id] = bs.b.newTransaction(id, by)
	return nil
}

func (bs *branches) remove(id message.TransactionID) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	delete(bs.byID, id)
}

// prepared lists what waits for an outcome.
func (bs *branches) prepared() []message.TransactionID {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	var ids []message.TransactionID
	for id, t := range bs.byID {
		t.mu.Lock()
		if t.state == prepared {
			ids = append(ids, id)
		}
		t.mu.Unlock()
	}
	return ids
}

// abandoned returns the branches of a connection that is gone which are not
// prepared.
func (bs *branches) abandoned(by *Connection) []*transaction {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	var list []*transaction
	for id, t := range bs.byID {
		t.mu.Lock()
		if t.by == by && t.state == active {
			list = append(list, t)
			delete(bs.byID, id)
		}
		t.mu.Unlock()
	}
	return list
}

// lockedAck is a message that a recovered branch has acknowledged.
type lockedAck struct {
	seq  store.Seq
	from interface {
		unlock(seq store.Seq, fetch bool)
		base() *place
	}
}

// recover takes up a branch that was prepared under an earlier master.
func (bs *branches) recover(p *store.Prepared) {
	t := bs.b.newTransaction(p.Transaction, nil)
	t.state = prepared
	t.stored = p.Ops
	for i := range p.Ops {
		op := &p.Ops[i]
		bs.b.duplicates.reserve(t, op)
		switch op.Action {
		case store.Remove:
			if target, _, err := bs.b.create(op.Destination, nil); err == nil {
				if q, ok := target.(*queue); ok {
					q.lock(op.Seq)
					t.locked = append(t.locked, lockedAck{op.Seq, q})
				}
			}
		case store.Acknowledge:
			if f := bs.feedOf(op); f != nil {
				f.lock(op.Seq)
				t.locked = append(t.locked, lockedAck{op.Seq, f})
			}
		}
	}
	bs.byID[p.Transaction] = t
}

func (bs *branches) feedOf(op *store.Op) *feed {
	d := bs.b.durables.find(op.Subscription)
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.feeds {
		if f.t.dest == op.Destination {
			return f
		}
	}
	return nil
}

// prepare stores what the branch would do. A branch that did nothing is over.
func (t *transaction) prepare(done func(vote int32, err error)) {
	t.mu.Lock()
	if t.state == prepared {
		t.mu.Unlock()
		done(XAVoteOK, nil)
		return
	}
	empty := len(t.sends) == 0 && len(t.acks) == 0 && len(t.counts) == 0
	t.mu.Unlock()
	next := prepared
	if empty {
		next = finished
	}
	if err := t.finishActive(next); err != nil {
		t.b.branches.remove(t.id)
		t.rollback(nil)
		done(0, err)
		return
	}
	if err := t.claimMarks(); err != nil {
		t.b.branches.remove(t.id)
		t.rollback(nil)
		done(0, err)
		return
	}
	if empty {
		t.b.branches.remove(t.id)
		done(XAVoteReadOnly, nil)
		return
	}
	u := t.batch()
	if len(u.ops) == 0 {
		done(XAVoteOK, t.b.owned())
		return
	}
	t.mu.Lock()
	t.stored = u.ops
	t.mu.Unlock()
	t.b.began()
	t.b.store.Append(&store.Unit{Ops: u.ops, Transaction: t.id, Outcome: store.Prepare, Sync: true, Done: func(err error) {
		defer t.b.ended()
		done(XAVoteOK, err)
	}})
}

// commitBranch is the second phase, or the only one.
func (t *transaction) commitBranch(onePhase bool, done func(error)) {
	t.mu.Lock()
	state, stored := t.state, t.stored
	if state == prepared {
		t.state = finished
	}
	t.mu.Unlock()
	switch {
	case state == active && !onePhase:
		done(&Error{Kind: ErrTransaction, Code: XAErrProtocol, Text: "Cannot do 2 phase commit if the transaction has not been prepared"})
		return
	case state == active:
		t.b.branches.remove(t.id)
		t.commit(nil, done)
		return
	case state == finished:
		done(t.protocolError("commit"))
		return
	}
	t.b.branches.remove(t.id)
	u := newBatch(t.b) // what was not stored
	for i := range t.sends {
		if s := &t.sends[i]; !s.target.stores(s.m) && (s.mark == nil || s.mark.state == claimed) {
			u.add(s.target, s.m)
		}
	}
	finish := func(ops []store.Op, err error) {
		t.settle(err)
		t.unlock(err != nil)
		t.arriveAll(ops, err)
		u.finish(nil, err)
		t.settleMarks(err)
		t.wake()
		done(err)
	}
	if len(stored) == 0 {
		finish(nil, t.b.owned())
		return
	}
	for i := range stored {
		if stored[i].Action == store.Add {
			if target, err := t.b.storedTarget(stored[i].Destination); err == nil {
				t.b.announced(target)
			}
		}
	}
	t.b.began()
	unit := &store.Unit{Transaction: t.id, Outcome: store.Commit, Sync: true}
	unit.Done = func(err error) {
		defer t.b.ended()
		finish(unit.Ops, err)
	}
	t.b.store.Append(unit)
}

// arriveAll makes the messages of a prepared branch visible.
func (t *transaction) arriveAll(ops []store.Op, err error) {
	for i := range ops {
		op := &ops[i]
		if op.Action != store.Add {
			continue
		}
		target, failed := t.b.storedTarget(op.Destination)
		switch {
		case failed != nil:
			t.b.log.Error("cannot deliver a message of a prepared transaction", "destination", op.Destination.String(), "error", failed)
		case err != nil:
			target.refuse()
		default:
			target.arrive(op.Message, op)
		}
	}
}

// unlock releases what a recovered branch had acknowledged.
func (t *transaction) unlock(rolledBack bool) {
	for _, l := range t.locked {
		if !rolledBack {
			s := &l.from.base().stats
			s.dequeued.Add(1)
			if _, ok := l.from.(*queue); ok {
				s.size.Add(-1)
			}
		}
		l.from.unlock(l.seq, rolledBack)
	}
}

// rollbackBranch forgets a branch.
func (t *transaction) rollbackBranch(done func(error)) {
	t.b.branches.remove(t.id)
	t.mu.Lock()
	state, stored := t.state, t.stored
	t.state = finished
	t.mu.Unlock()
	if state != prepared || len(stored) == 0 {
		t.settleMarks(errRolledBack)
		t.rollback(done)
		return
	}
	t.b.began()
	t.b.store.Append(&store.Unit{Transaction: t.id, Outcome: store.Rollback, Sync: true, Done: func(err error) {
		defer t.b.ended()
		t.giveBack()
		t.unlock(true)
		t.settleMarks(errRolledBack)
		done(err)
	}})
}
