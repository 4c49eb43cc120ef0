package broker

import (
	"errors"
	"sync"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// transaction collects what is to happen at its commit. A local one belongs
// to its connection; an XA branch is known to all, and only the connection
// that began it works in it until it is prepared.
type transaction struct {
	b      *Broker
	id     message.TransactionID
	by     *Connection // nil for a recovered branch
	number uint64      // of a branch: they are listed in this order
	// restored: begun by a client that had failed over, which may have had it
	// open before. Fixed.
	restored bool

	mu       sync.Mutex
	state    transactionState      // mu
	sends    []addition            // mu; op is not used
	bytes    int64                 // mu; of sends
	acks     []heldAck             // mu
	counts   []countedAck          // mu; of topic subscribers
	poisoned error                 // mu; an operation failed that nobody waited for: only rollback is left
	doubtful bool                  // mu; restored, and acknowledgements of it may have been lost
	locked   []lockedAck           // mu; of a recovered branch
	stored   bool                  // mu; prepared, in the store too
	adds     []message.Destination // mu; where a branch in the store sends to, once for each message
	waiting  []func()              // mu; what is to be done when a prepare has come through
	marks    []*imprint            // mu until it ends; of what it sends, or of a recovered branch
}

type transactionState uint8

const (
	active    transactionState = iota
	preparing                  // its outcome is not known yet
	prepared
	finished
)

// heldAck is an acknowledgement of messages that stay with their consumer
// until the outcome.
type heldAck struct {
	c    *consumer
	refs []*ref
	// extended: the credit was raised for it; else by what the client had
	// reported as delivered.
	extended bool
}

type countedAck struct {
	s *subscriber
	a message.Ack
}

func (b *Broker) newTransaction(id message.TransactionID, by *Connection) *transaction {
	return &transaction{b: b, id: id, by: by}
}

// notStarted is ActiveMQ's answer to an unknown transaction.
func notStarted(id message.TransactionID) error {
	e := failure(errors.Join(ErrTransaction, ErrUnknownTransaction), "Transaction '%s' has not been started.", id)
	if id.XA {
		e.Code = XAErrUnknown
	}
	return e
}

// rolledBack says that a commit has become a rollback.
func (t *transaction) rolledBack(code int32, text string) error {
	kind := ErrTransaction
	if !t.id.XA {
		kind = errors.Join(ErrTransaction, ErrRolledBack)
	}
	return &Error{Kind: kind, Code: code, Text: text}
}

func (t *transaction) protocolError(what string) error {
	return &Error{Kind: ErrTransaction, Text: "Cannot call " + what + " now.", Code: XAErrProtocol}
}

// send keeps a message of that size until the commit; list is where it goes.
func (t *transaction) send(list []addition, size int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != active {
		return t.protocolError("send")
	}
	if err := t.growLocked(size + copyBytes*int64(max(0, len(list)-1))); err != nil {
		return err
	}
	if len(list) > 0 && list[0].mark != nil {
		t.marks = append(t.marks, list[0].mark)
	}
	t.sends = append(t.sends, list...)
	return nil
}

// growLocked counts a send, or refuses it and drops the others: there is
// nothing left but rollback. (ActiveMQ: TransactionBroker.verifyUncommittedCount,
// which rolls back)
func (t *transaction) growLocked(size int64) error {
	const text = "Can not send message on transaction with id: '%s', Transaction has reached the maximum allowed %s of pending send operations before commit of '%d'"
	limit, all := t.b.transactionLimit(), t.b.usage.limit
	switch n := t.b.options.MaxUncommitted; {
	case t.poisoned != nil && errors.Is(t.poisoned, ErrResourceAllocation):
		return t.poisoned
	case n > 0 && len(t.sends) >= n:
		t.poisoned = failure(ErrResourceAllocation, text, t.id, "number", n)
	case t.bytes+size > limit:
		t.poisoned = failure(ErrResourceAllocation, text, t.id, "bytes", limit)
	case t.b.uncommitted.Load()+size > all:
		t.poisoned = failure(ErrResourceAllocation, "Can not send message on transaction with id: '%s', all transactions together have reached the maximum of pending sends of %d bytes", t.id, all)
	default:
		t.bytes += size
		t.b.uncommitted.Add(size)
		return nil
	}
	t.forgetLocked()
	return t.poisoned
}

// forgetLocked drops the sends, which the limits count no longer.
func (t *transaction) forgetLocked() {
	t.b.uncommitted.Add(-t.bytes)
	t.sends, t.bytes = nil, 0
}

// uncount takes what t sends out of the limits, when it has its outcome.
func (t *transaction) uncount() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.uncommitted.Add(-t.bytes)
	t.bytes = 0
}

// copyBytes is what a copy of a message takes that shares its body.
const copyBytes = 1024

func (b *Broker) transactionLimit() int64 {
	if l := b.options.TransactionLimit; l > 0 {
		return l
	}
	return b.usage.limit / 2
}

// acknowledge keeps the acknowledgement of messages until the commit.
func (t *transaction) acknowledge(c *consumer, refs []*ref, extended bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != active {
		return t.protocolError("acknowledge")
	}
	if len(refs) > 0 {
		t.acks = append(t.acks, heldAck{c, refs, extended})
	}
	return nil
}

func (t *transaction) acknowledgeTopic(s *subscriber, a *message.Ack) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != active {
		return t.protocolError("acknowledge")
	}
	t.counts = append(t.counts, countedAck{s, *a})
	return nil
}

// fail is poison for what nobody waited for. (ActiveMQ:
// rollbackOnlyOnAsyncException)
func (t *transaction) fail(err error) {
	if !t.b.options.CommitAfterAsyncError {
		t.poison(err)
	}
}

// poison leaves only rollback.
func (t *transaction) poison(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.poisoned == nil {
		t.poisoned = err
	}
}

// finishActive takes an active transaction's work for its commit or prepare.
func (t *transaction) finishActive(next transactionState) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != active {
		return t.protocolError("commit")
	}
	if t.poisoned == nil && t.lostLocked() {
		t.poisoned = failure(ErrTransaction, "acknowledgements of it may have been lost in the failover")
	}
	if t.poisoned != nil {
		if errors.Is(t.poisoned, ErrOutOfStep) {
			t.by.sendAway(t.poisoned)
		}
		return t.rolledBack(XARollback, "COMMIT FAILED: Transaction marked rollback only; "+t.poisoned.Error())
	}
	t.state = next
	return nil
}

// batch makes a batch of what is to happen at the commit.
func (t *transaction) batch() *batch {
	u := newBatch(t.b)
	n := len(t.sends)
	u.adds = make([]addition, 0, n)
	for _, a := range t.acks {
		n += len(a.refs)
	}
	u.ops = make([]store.Op, 0, n)
	for i := range t.sends {
		m := t.sends[i].m
		if t.sends[i].target == &t.b.schedule {
			m = t.b.schedule.restamped(m)
		}
		k := t.sends[i].mark
		if k != nil && k.state != claimed {
			continue
		}
		u.add(t.sends[i].target, m)
		if k != nil && (i == len(t.sends)-1 || t.sends[i+1].mark != k) {
			u.add(&t.b.duplicates, t.b.duplicates.record(k.key))
		}
	}
	for _, a := range t.acks {
		for _, r := range a.refs {
			if r.stored {
				u.ops = append(u.ops, r.home.removal(r))
			}
			u.parts(r)
		}
	}
	return u
}

// persistent is the bytes of what a commit adds to the store.
func (t *transaction) persistent() (size int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.sends {
		if t.sends[i].target.stores(t.sends[i].m) {
			size += t.sends[i].m.Size()
		}
	}
	return size
}

// commit carries an active transaction out in one unit. refused, which may be
// nil, is asked when the store does not take it; see batch.
func (t *transaction) commit(refused func(err error, again func(error)) bool, done func(error)) {
	if err := t.finishActive(finished); err != nil {
		t.rollback(nil)
		done(err)
		return
	}
	if err := t.claimMarks(); err != nil {
		t.rollback(nil)
		done(err)
		return
	}
	t.b.audits.commit(t)
	u := t.batch()
	u.refused = refused
	u.before = t.settle
	u.after = func(err error) { t.b.audits.committed(t, err); t.settleMarks(err); t.wake() }
	u.commit(store.Commit, t.id, true, done)
}

// settle forgets what was acknowledged, or, if the commit failed, gives it
// back.
func (t *transaction) settle(err error) {
	t.uncount()
	if err != nil {
		t.giveBack()
		return
	}
	for _, a := range t.acks {
		a.c.mu.Lock()
		for _, r := range a.refs {
			a.c.inflight.remove(r)
			r.held = false
		}
		a.c.extendLocked(-len(a.refs))
		a.c.mu.Unlock()
		for _, r := range a.refs {
			r.home.settle(r)
			passedOn(r)
			if f, ok := r.home.(*feed); ok {
				f.unlock(r.key.seq, false)
			}
		}
	}
	for i := range t.counts {
		t.counts[i].s.settle(&t.counts[i].a)
	}
}

// wake lets consumers have more, now that what they acknowledged is gone.
func (t *transaction) wake() {
	for _, a := range t.acks {
		a.c.kick()
	}
	for _, k := range t.counts {
		k.s.drain()
	}
}

// rollback forgets the sends and gives back what was acknowledged: to its
// consumer, whose client delivers it again itself, or, if that is closed, to
// where it came from. done may be nil.
func (t *transaction) rollback(done func(error)) {
	t.mu.Lock()
	t.state = finished
	t.mu.Unlock()
	t.giveBack()
	if done != nil {
		done(nil)
	}
}

func (t *transaction) giveBack() {
	t.uncount()
	for _, a := range t.acks {
		var homeless []*ref
		a.c.mu.Lock()
		for _, r := range a.refs {
			r.held = false
			if a.c.closed {
				r.redeliveries++
				homeless = append(homeless, r)
			}
		}
		// The client delivers the others again and does not report them again
		// as delivered: with a prefetch of 1 it would wait for ever for what
		// comes after them, as it does with ActiveMQ.
		if a.extended {
			a.c.extendLocked(-len(a.refs))
		}
		a.c.mu.Unlock()
		t.b.recount(homeless)
		for _, r := range homeless {
			r.home.takeBack(r)
		}
		a.c.kick()
	}
	for _, k := range t.counts {
		k.s.contract(int(k.a.Count))
		k.s.drain()
	}
}
