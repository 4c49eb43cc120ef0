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
	b  *Broker
	id message.TransactionID
	by *Connection // nil for a recovered branch
	// restored: begun by a client that had failed over, which had it open
	// before. The beginner's mu.
	restored bool

	mu       sync.Mutex
	state    transactionState // mu
	sends    []addition       // mu; op is not used
	bytes    int64            // mu; of sends
	acks     []heldAck        // mu
	counts   []countedAck     // mu; of topic subscribers
	poisoned error            // mu; an operation failed that nobody waited for: only rollback is left
	locked   []lockedAck      // mu; of a recovered branch
	stored   []store.Op       // mu; of a recovered branch
	marks    []*imprint       // mu until it ends; of what it sends, or of a recovered branch
}

type transactionState uint8

const (
	active transactionState = iota
	prepared
	finished
)

// heldAck is an acknowledgement of messages that stay with their consumer
// until the outcome.
type heldAck struct {
	c    *consumer
	refs []*ref
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
	if t.bytes += size + copyBytes*int64(max(0, len(list)-1)); t.bytes > t.b.transactionLimit() {
		t.poisoned = failure(ErrResourceAllocation, "Can not send message on transaction with id: '%s', Transaction has reached the maximum allowed size of pending send operations before commit of %d bytes", t.id, t.b.transactionLimit())
		return t.poisoned
	}
	if len(list) > 0 && list[0].mark != nil {
		t.marks = append(t.marks, list[0].mark)
	}
	t.sends = append(t.sends, list...)
	return nil
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
func (t *transaction) acknowledge(c *consumer, refs []*ref) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != active {
		return t.protocolError("acknowledge")
	}
	if len(refs) > 0 {
		t.acks = append(t.acks, heldAck{c, refs})
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

// poison leaves only rollback. (ActiveMQ: rollbackOnlyOnAsyncException)
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
	if t.restored && t.poisoned == nil && len(t.sends)+len(t.acks)+len(t.counts) == 0 {
		// The client sent its acknowledgements to the broker that it has left,
		// and not again, and its commit here. (ActiveMQ commits nothing.)
		t.poisoned = failure(ErrTransaction, "nothing of it came before the failover")
	}
	if t.poisoned != nil {
		if errors.Is(t.poisoned, ErrOutOfStep) {
			t.by.sendAway(t.poisoned)
		}
		return &Error{Kind: ErrTransaction, Code: XARollback,
			Text: "COMMIT FAILED: Transaction marked rollback only; " + t.poisoned.Error()}
	}
	t.state = next
	return nil
}

// batch makes a batch of what is to happen at the commit.
func (t *transaction) batch() *batch {
	u := newBatch(t.b)
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
		a.c.extendLocked(-len(a.refs))
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
