package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// leaving are the messages of queues that bridges have in hand: on their way to
// another broker, which may have stored them and even send them back before
// this one has removed its own. Who brings one back waits for that: see
// dispatch.returns. Of those that a bridge gave back and that are in memory it
// has what a consumer or an operator has in hand, too: the store may not know of
// them.
type leaving struct {
	parked atomic.Int32 // len(waiting)

	mu      sync.Mutex
	list    map[leavingKey]struct{}    // mu; in somebody's hand
	waiting map[leavingKey]chan parted // mu; capacity 1 each
}

type leavingKey struct {
	dest message.Destination
	id   message.MessageKey
}

// parted is what has become of a message that somebody had in hand.
type parted uint8

const (
	isBack   parted = iota
	hasGone         // to another broker
	consumed        // or dead-lettered, or taken away by an operator
)

// add notes that somebody has r in hand; its queue is locked.
func (l *leaving) add(r *ref) {
	if _, ok := r.home.(*queue); !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list == nil {
		l.list = map[leavingKey]struct{}{}
	}
	l.list[leavingKey{r.home.base().dest, r.m.ID.Key()}] = struct{}{}
}

func (l *leaving) has(key leavingKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, there := l.list[key]
	return there
}

// watch returns where it is told what becomes of a message from now on; nil if
// somebody watches it already.
func (l *leaving) watch(key leavingKey) chan parted {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, watched := l.waiting[key]; watched {
		return nil
	}
	if l.waiting == nil {
		l.waiting = map[leavingKey]chan parted{}
	}
	c := make(chan parted, 1)
	l.waiting[key] = c
	l.parked.Store(int32(len(l.waiting)))
	return c
}

func (l *leaving) unwatch(key leavingKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, key)
	l.parked.Store(int32(len(l.waiting)))
}

// handedOver is called when r is removed, or is given back, whoever had it.
func (q *queue) handedOver(r *ref, how parted) {
	l := &q.b.bridged.leaving
	bridge := r.forwarder() != nil
	listed := bridge || r.lent
	if !listed && l.parked.Load() == 0 {
		return
	}
	key := leavingKey{q.dest, r.m.ID.Key()}
	if bridge && how == isBack {
		q.b.bridged.doubt(q.dest, r.m)
		r.lent = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if listed {
		delete(l.list, key)
	}
	if c := l.waiting[key]; c != nil {
		select {
		case <-c: // what was before does not count any more
		default:
		}
		c <- how
	}
}

// passedOn is called when the removal of r has its place in the log.
func passedOn(r *ref) {
	q, ok := r.home.(*queue)
	switch {
	case !ok:
	case r.owner != nil && r.owner.forward != nil:
		q.handedOver(r, hasGone)
	default:
		q.handedOver(r, consumed)
	}
}

// returns takes care of a message that comes back to a queue that may have it
// still: because its removal is on its way, or because the answer to that it
// was stored elsewhere has not come, in this or an earlier life of this broker.
// Two of one id in a queue would be one to the store. What is here is older,
// and takes the place that the one that comes has now, with the way that it has
// made: so the other broker does not take it for a repetition when it is sent
// there again.
func (d *dispatch) returns() bool {
	q, ok := d.first.(*queue)
	if d.more != nil || !ok || !d.doubted(q) && !d.comesBack(q) {
		return false
	}
	send := d.later()
	d.c.b.run(func() { send.rejoin(q) })
	return true
}

// doubted reports whether a bridge had the message here and gave it back: it may
// be anywhere, and what was recorded of it may be on its way into the store.
func (d *dispatch) doubted(q *queue) bool {
	return len(d.m.BrokerPath) > 1 && q.b.bridged.doubts.has(doubtOf(q.dest, d.m))
}

// comesBack reports whether q may have the message. One that is on its first
// hop has not been here.
func (d *dispatch) comesBack(q *queue) bool {
	m := d.m
	if len(m.BrokerPath) < 2 {
		return false
	}
	if q.stores(m) {
		if _, there := q.b.store.Find(q.dest, m.ID); there {
			return true
		}
	}
	q.mu.Lock() // else it may go from one to the other between two looks
	defer q.mu.Unlock()
	if q.b.bridged.leaving.has(leavingKey{q.dest, m.ID.Key()}) {
		return true
	}
	for r := q.window.head; r != nil && (q.b.concurrent || !q.stores(m)); r = r.next {
		if r.m.ID.Key() == m.ID.Key() {
			return true
		}
	}
	return false
}

// lookAgain is how often it is looked for what has become of a message that
// nobody tells of: one that a recovered branch has taken.
const lookAgain = time.Second

// rejoin waits until it is clear what there is of a message that comes back.
func (d *dispatch) rejoin(q *queue) {
	b, m := d.c.b, d.m
	key := leavingKey{q.dest, m.ID.Key()}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	news := b.bridged.leaving.watch(key)
	if news == nil {
		d.finish()(failure(ErrResourceAllocation, "message %s comes back by two ways at a time", m.ID))
		return
	}
	defer b.bridged.leaving.unwatch(key)
	for {
		if !b.caughtUp() {
			d.finish()(ErrClosed)
			return
		}
		if !d.comesBack(q) {
			break
		}
		if r := q.takeOne(ctx, m.ID); r != nil {
			d.adopt(q, r)
			return
		}
		timer := time.NewTimer(lookAgain)
		select {
		case how := <-news:
			timer.Stop()
			if how == consumed {
				d.refuse()
				return
			}
		case <-timer.C:
		case <-b.quiet:
			timer.Stop()
		}
	}
	how := isBack
	select {
	case how = <-news: // since the last look
	default:
	}
	if how == consumed || b.bridged.spent(m) {
		d.refuse()
		return
	}
	d.c.mu.Lock()
	err := d.c.usable()
	if err == nil {
		err = d.pass(d.c.life)
	}
	d.c.mu.Unlock()
	if err != nil {
		d.finish()(err)
	}
}

// caughtUp waits until the store has carried out what was appended; false if the
// broker stops.
func (b *Broker) caughtUp() bool {
	done := make(chan error, 1)
	b.store.Append(&store.Unit{Done: func(err error) { done <- err }})
	select {
	case err := <-done:
		return err == nil && !b.stopping.Load()
	case <-b.quiet:
		return false
	}
}

// takeOne takes the message with that id, if it waits.
func (q *queue) takeOne(ctx context.Context, id message.MessageID) *ref {
	key := id.Key()
	k := taker{q: q, left: 1, wants: func(m *message.Message) bool { return m.ID.Key() == key }}
	k.fromWindow()
	if len(k.refs) == 0 {
		seq, there := q.b.store.Find(q.dest, id)
		if !there {
			return nil
		}
		k.after = seq - 1
		k.fromStore(ctx)
	}
	if len(k.refs) == 0 {
		return nil
	}
	return k.refs[0]
}

// adopt puts the message in the place of r, in one unit.
func (d *dispatch) adopt(q *queue, r *ref) {
	b, m := d.c.b, d.m
	b.log.Info("a message has come back that was here still", "message", m.ID.String(), "destination", q.dest.String())
	m.ID.BrokerSequence = b.sequence.Add(1)
	m.RedeliveryCounter = max(m.RedeliveryCounter, r.redeliveries)
	defer passedOn(r)
	u := newBatch(b)
	u.remove(r, nil)
	if d.arrival != nil {
		u.add(&b.bridged, b.bridged.record(d.arrival))
	}
	u.add(q, m)
	ctx := d.c.life
	u.refused = func(err error, again func(error)) bool {
		return d.c.spill.refused(err, spilled{ctx, d.gate(), m.Size(), again})
	}
	u.then(func(error) { q.unlockAll([]*ref{r}) })
	u.commit(store.None, message.TransactionID{}, true, d.finish())
}

// refuse remembers that the message came and was not stored, because it had
// been consumed here.
func (d *dispatch) refuse() {
	b := d.c.b
	b.bridged.stats.copies.Add(1)
	u := newBatch(b)
	if d.arrival != nil {
		u.add(&b.bridged, b.bridged.record(d.arrival))
	}
	u.commit(store.None, message.TransactionID{}, true, d.finish())
}
