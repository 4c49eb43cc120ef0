package broker

import (
	"errors"
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
	next uint64                                 // mu; transaction.number
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

// maxXID bounds each half of a branch's name, in bytes. (javax.transaction.xa
// Xid.MAXGTRIDSIZE, MAXBQUALSIZE)
const maxXID = 64

// begin starts a branch, or does nothing if it has been started.
func (bs *branches) begin(id message.TransactionID, by *Connection, restored bool) error {
	if len(id.XID.Global) > maxXID || len(id.XID.Branch) > maxXID {
		return &Error{Kind: ErrTransaction, Text: "Xid of more than 64 bytes: " + id.String(), Code: XAErrInvalid}
	}
	doubtful := restored && by.mayHaveConsumed()
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.byID[id] != nil {
		return nil
	}
	if len(bs.byID) >= maxBranches {
		return &Error{Kind: ErrLimit, Text: "Too many transactions", Code: XAErrBroker}
	}
	t := bs.b.newTransaction(id, by)
	t.restored, t.doubtful = restored, doubtful
	bs.enterLocked(t)
	return nil
}

func (bs *branches) enterLocked(t *transaction) {
	bs.next++
	t.number = bs.next
	bs.byID[t.id] = t
}

func (bs *branches) remove(id message.TransactionID) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	delete(bs.byID, id)
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

// taken are the messages of a queue, without their ranks, that branches have
// acknowledged and that are not shown while the outcome is open. (ActiveMQ:
// QueueMessageReference.isAcked)
func (bs *branches) taken(q *queue) map[key]bool {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	list := map[key]bool{}
	for _, t := range bs.byID {
		t.mu.Lock()
		for _, l := range t.locked {
			if l.from.base() == q.base() {
				list[key{seq: l.seq}] = true
			}
		}
		for _, a := range t.acks {
			for _, r := range a.refs {
				if r.home == home(q) {
					list[key{seq: r.key.seq, sub: r.key.sub}] = true
				}
			}
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
	t.state, t.stored = prepared, true
	for i := range p.Ops {
		op := &p.Ops[i]
		bs.b.duplicates.reserve(t, op)
		switch op.Action {
		case store.Add:
			t.adds = append(t.adds, op.Destination)
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
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.enterLocked(t)
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

// prepare stores what the branch would do. A branch that did nothing is over;
// so is one that cannot be prepared.
func (t *transaction) prepare(done func(vote int32, err error)) {
	t.mu.Lock()
	if t.state == prepared {
		t.mu.Unlock()
		done(XAVoteOK, nil)
		return
	}
	empty := len(t.sends) == 0 && len(t.acks) == 0 && len(t.counts) == 0
	known := t.state == active
	t.mu.Unlock()
	vote := done
	done = func(v int32, err error) { vote(v, err); t.decided() }
	next := preparing
	if empty {
		next = finished
	}
	if err := t.finishActive(next); err != nil {
		if known {
			t.b.branches.remove(t.id)
			t.rollback(nil)
		}
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
		t.prepared(nil, false)
		done(XAVoteOK, t.b.owned())
		return
	}
	t.b.began()
	t.b.store.Append(&store.Unit{Ops: u.ops, Transaction: t.id, Outcome: store.Prepare, Sync: true, Done: func(err error) {
		defer t.b.ended()
		if refused(err) {
			t.b.branches.remove(t.id)
			t.settleMarks(errRolledBack)
			t.rollback(nil)
			err = t.rolledBack(XARollback, "PREPARE FAILED: Transaction rolled back; "+err.Error())
		} else {
			t.prepared(u, err == nil)
		}
		done(XAVoteOK, err)
	}})
}

// prepared lets the branch wait for its outcome. What u has put into the store
// is not kept in memory, too.
func (t *transaction) prepared(u *batch, stored bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state, t.stored = prepared, stored
	if !stored {
		return
	}
	var left []addition
	var bytes int64
	for i := range u.adds {
		if a := u.adds[i]; a.op >= 0 {
			t.adds = append(t.adds, a.target.base().dest)
		} else {
			left = append(left, a)
			bytes += a.m.Size()
		}
	}
	t.forgetLocked()
	t.b.uncommitted.Add(bytes)
	t.sends, t.bytes = left, bytes
}

// awaits reports whether the branch is prepared.
func (t *transaction) awaits() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state == prepared
}

// refused reports an outcome that the store is sure of: nothing was written.
func refused(err error) bool {
	return errors.Is(err, store.ErrNoSpace) || errors.Is(err, store.ErrTooLarge)
}

// claim takes an active branch out of the table for its commit in one phase;
// false if it is not active.
func (t *transaction) claim() bool {
	t.mu.Lock()
	claimed := t.state == active
	t.mu.Unlock()
	if claimed {
		t.b.branches.remove(t.id)
	}
	return claimed
}

// failedCommit is what the client is told of a commit that the store refused.
func (t *transaction) failedCommit(err error) error {
	if t.id.XA && (refused(err) || errors.Is(err, ErrResourceAllocation)) {
		return t.rolledBack(XACommitFailed, "STORE COMMIT FAILED: Transaction rolled back; "+err.Error())
	}
	return err
}

// commitBranch is the second phase.
func (t *transaction) commitBranch(onePhase bool, done func(error)) {
	if t.after(func() { t.commitBranch(onePhase, done) }) {
		return
	}
	t.mu.Lock()
	state, stored, adds := t.state, t.stored, t.adds
	if state == prepared {
		t.state = finished
	}
	t.mu.Unlock()
	switch {
	case state == active && !onePhase:
		done(&Error{Kind: ErrTransaction, Code: XAErrProtocol, Text: "Cannot do 2 phase commit if the transaction has not been prepared"})
		return
	case state != prepared:
		done(t.protocolError("commit"))
		return
	}
	if !stored {
		t.finishBranch(nil, t.b.owned(), nil, done)
		return
	}
	announced, err := t.announceAll(adds)
	if err != nil {
		t.tryLater(err, announced, done)
		return
	}
	t.b.began()
	unit := &store.Unit{Transaction: t.id, Outcome: store.Commit, Sync: true}
	unit.Done = func(err error) {
		defer t.b.ended()
		if refused(err) {
			t.tryLater(err, announced, done)
			return
		}
		t.finishBranch(unit.Ops, err, announced, done)
	}
	t.b.store.Append(unit)
}

// announceAll announces an Add to each of a branch's destinations, one for each
// message. They are there until that has arrived.
func (t *transaction) announceAll(adds []message.Destination) ([]target, error) {
	announced := make([]target, 0, len(adds))
	for _, dest := range adds {
		target, err := t.b.storedTarget(dest)
		if err == nil {
			target, err = t.b.announce(target)
		}
		if err != nil {
			return announced, err
		}
		announced = append(announced, target)
	}
	return announced, nil
}

// tryLater leaves the branch prepared that could not be committed now.
func (t *transaction) tryLater(err error, announced []target, done func(error)) {
	refuseAll(announced)
	t.mu.Lock()
	t.state = prepared
	t.mu.Unlock()
	done(&Error{Kind: ErrTransaction, Code: XARetry, Text: "STORE COMMIT FAILED: " + err.Error()})
}

func refuseAll(announced []target) {
	for _, target := range announced {
		target.refuse()
	}
}

// finishBranch makes visible what the second phase has done; ops are what was
// stored.
func (t *transaction) finishBranch(ops []store.Op, err error, announced []target, done func(error)) {
	t.b.branches.remove(t.id)
	u := newBatch(t.b) // what was not stored
	for i := range t.sends {
		if k := t.sends[i].mark; k == nil || k.state == claimed {
			u.adds = append(u.adds, addition{target: t.sends[i].target, m: t.sends[i].m, op: -1})
		}
	}
	t.settle(err)
	t.unlock(err != nil)
	if err != nil {
		refuseAll(announced)
	} else {
		t.arriveAll(ops)
	}
	u.finish(nil, err)
	t.settleMarks(err)
	t.wake()
	done(err)
}

// arriveAll makes the messages of a prepared branch visible.
func (t *transaction) arriveAll(ops []store.Op) {
	for i := range ops {
		op := &ops[i]
		if op.Action != store.Add {
			continue
		}
		target, err := t.b.storedTarget(op.Destination)
		if err != nil {
			t.b.log.Error("cannot deliver a message of a prepared transaction", "destination", op.Destination.String(), "error", err)
			continue
		}
		target.arrive(op.Message, op)
	}
}

// unlock releases what a recovered branch had acknowledged.
func (t *transaction) unlock(rolledBack bool) {
	for _, l := range t.locked {
		if !rolledBack {
			l.from.base().stats.dequeued.Add(1)
		}
		l.from.unlock(l.seq, rolledBack)
	}
}

// rollbackBranch forgets a branch.
func (t *transaction) rollbackBranch(done func(error)) {
	if t.after(func() { t.rollbackBranch(done) }) {
		return
	}
	t.mu.Lock()
	state, stored := t.state, t.stored
	if state != preparing {
		t.state = finished
	}
	t.mu.Unlock()
	switch {
	case state == preparing || state == finished:
		done(t.protocolError("rollback"))
		return
	case !stored:
		t.b.branches.remove(t.id)
		t.settleMarks(errRolledBack)
		t.rollback(done)
		return
	}
	t.b.began()
	t.b.store.Append(&store.Unit{Transaction: t.id, Outcome: store.Rollback, Sync: true, Done: func(err error) {
		defer t.b.ended()
		t.b.branches.remove(t.id)
		t.giveBack()
		t.unlock(true)
		t.settleMarks(errRolledBack)
		done(err)
	}})
}
