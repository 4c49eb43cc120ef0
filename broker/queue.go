package broker

import (
	"errors"
	"fmt"
	"sync"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// queue delivers each message to one consumer, in the order of arrival. It
// holds a window of its backlog; see window for how the rest is paged in.
type queue struct {
	place

	mu        sync.Mutex
	window    window        // mu
	rota      rota          // mu
	exposed   store.Segment // mu; what the store knows may have been delivered
	inherited store.Segment // fixed: exposed at recovery
	exposing  bool          // mu; an Expose is on its way
	outside   int           // mu; Adds announced and not arrived
	removed   bool          // mu
	doomed    []*ref        // mu; expired, for release to bury
	fetch     []store.Seq   // mu; unlocked again, for the pager to fetch
	seek      *seeker       // mu; nil without selective consumers
	swept     key           // mu; how far sweepStore has come
	// locked are the messages that a prepared transaction has acknowledged, see
	// branch; and whether the cursor has come by. mu
	locked map[store.Seq]bool
	// counts are the redelivery counters of messages that were given back and
	// have left memory. mu
	counts   map[store.Seq]int32
	returned returned
	gone     []store.Seq   // mu; still locked, until the pager is sure not to have them
	idled    chan struct{} // mu; not nil: closed when no pager is at work
}

func newQueue(b *Broker, dest message.Destination, state *store.DestinationState) *queue {
	q := &queue{}
	q.place.init(b, dest)
	if q.policy.PrioritizedMessages {
		q.window.prioritize()
	}
	if state != nil {
		q.stats.size.Store(state.Messages)
		if state.Messages > 0 {
			q.window.fallBehind()
		}
		q.exposed, q.inherited = state.Exposed, state.Exposed
	}
	return q
}

func (q *queue) base() *place { return &q.place }

func (q *queue) stores(m *message.Message) bool {
	return m.Persistent && !q.dest.Kind.IsTemporary()
}

// release unlocks mu and buries what was found to be expired.
func (q *queue) release() {
	doomed := q.doomed
	q.doomed = nil
	if !q.window.paging && (q.gone != nil || q.idled != nil) {
		q.idleLocked()
	}
	q.mu.Unlock()
	for _, r := range doomed {
		q.b.expire(r, nil)
	}
}

// arrival is a message on its way through the store into a queue, in one
// allocation.
type arrival struct {
	q    *queue
	unit store.Unit
	ops  [1]store.Op
	ref  ref
	done func(error)
}

// send makes m visible, or appends it and makes it visible when it is stored;
// with concurrent store and dispatch both at once.
func (q *queue) send(m *message.Message, sync bool, done func(error)) {
	q.append(m, sync, false, done)
}

// append is send; led says that the store's Lead follows, see store.Unit.
func (q *queue) append(m *message.Message, sync, led bool, done func(error)) {
	if !q.stores(m) {
		q.arrive(m, nil)
		done(q.b.owned())
		return
	}
	if !q.begin() {
		q.b.sendOn(q, m, sync, done)
		return
	}
	a := &arrival{q: q, done: done}
	a.ops[0] = store.Op{Action: store.Add, Destination: q.dest, Message: m, Prioritized: q.policy.PrioritizedMessages}
	a.unit.Ops = a.ops[:]
	a.unit.Sync, a.unit.Led = sync, led
	a.ref = ref{m: m, home: q, bytes: q.measured(m), stored: true, redeliveries: m.RedeliveryCounter}
	q.b.began()
	if !q.b.concurrent {
		a.unit.Done = a.written
		q.b.store.Append(&a.unit)
		return
	}
	q.mu.Lock()
	w := &q.window
	rank := w.rank(m)
	if l := w.lane(rank); q.outside == 0 && !l.more() && !w.paging && !q.removed && w.room(l, &q.place) && q.b.located.Load() && q.b.roomy() {
		a.unit.Done = a.confirmed
		q.b.store.Append(&a.unit)
		a.ref.unit, a.ref.done = &a.unit, done
		a.ref.key.seq, a.ref.key.rank = a.ops[0].Seq, rank
		a.ref.segment = store.Segment(q.b.segment.Load()) + 1
		l.cursor = a.ref.key.seq
		q.enterLocked(&a.ref)
		q.stats.enqueued.Add(1)
		q.stats.size.Add(1)
		q.dispatchLocked()
	} else {
		q.outside++
		a.unit.Done = a.written
		q.b.store.Append(&a.unit)
		q.release()
		return
	}
	q.release()
	q.arrived(m)
}

// written is Done of an Add that is visible only now.
func (a *arrival) written(err error) {
	defer a.q.b.ended()
	if err != nil {
		a.q.refuse()
		a.done(refusal(err))
		return
	}
	a.q.arriveStored(&a.ref, &a.ops[0])
	a.done(nil)
}

// confirmed is Done of an Add that became visible when it was appended.
func (a *arrival) confirmed(err error) {
	defer a.q.b.ended()
	q, r := a.q, &a.ref
	q.mu.Lock()
	q.adds.Add(-1)
	r.unit, r.done = nil, nil
	if err == nil {
		q.b.sawSegment(a.ops[0].Segment)
		l := q.window.lane(r.key.rank)
		l.visible = max(l.visible, r.key.seq)
		if r.segment = a.ops[0].Segment; r.segment > q.exposed && !r.listed {
			q.exposeLocked(r.segment) // it was delivered, and lies further than was foreseen
		}
	} else if r.listed {
		q.leaveLocked(r)
		q.stats.size.Add(-1)
	} else if errors.Is(err, store.ErrNoSpace) {
		err = errDelivered
	}
	q.release()
	a.done(refusal(err))
}

// roomy reports that the store is sure to have space for what is appended now.
// Else nothing is delivered before it is stored: a message that the store then
// refused could not be taken back.
func (b *Broker) roomy() bool { return b.space == nil || b.space.Roomy() }

// errDelivered is what a producer is told whose message the store refused for
// want of space after it had been delivered: to send it again is for the
// producer to decide.
var errDelivered = fmt.Errorf("%w: no space left to store a message that has been delivered", ErrResourceAllocation)

// sawSegment remembers where the log has come to. Until that is known for the
// first time nothing is delivered before it is stored.
func (b *Broker) sawSegment(s store.Segment) {
	for {
		last := b.segment.Load()
		if uint32(s) <= last || b.segment.CompareAndSwap(last, uint32(s)) {
			break
		}
	}
	if !b.located.Load() {
		b.located.Store(true)
	}
}

func (q *queue) announce() bool {
	if !q.begin() {
		return false
	}
	if q.b.concurrent {
		q.mu.Lock()
		q.outside++
		q.mu.Unlock()
	}
	return true
}

func (q *queue) refuse() {
	q.adds.Add(-1)
	if q.b.concurrent {
		q.mu.Lock()
		q.outside--
		q.mu.Unlock()
	}
}

func (q *queue) arrive(m *message.Message, op *store.Op) {
	r := &ref{m: m, home: q, bytes: q.measured(m), redeliveries: m.RedeliveryCounter}
	if op != nil {
		r.stored = true
		q.arriveStored(r, op)
		return
	}
	q.mu.Lock()
	if q.removed {
		q.mu.Unlock()
		q.b.arriveLate(q, m)
		return
	}
	r.key = q.window.transientKey(m)
	if !q.spillLocked(r) {
		q.enterLocked(r)
	}
	q.stats.enqueued.Add(1)
	q.stats.size.Add(1)
	alone := q.rota.n == 0
	q.dispatchLocked()
	q.release()
	q.arrived(m)
	if alone && q.policy.SendAdvisoryIfNoConsumers {
		q.b.advise.noConsumer(&q.place, m)
	}
}

// arriveStored makes a stored message visible: in the window, if that is
// caught up and has room, else in the store alone.
func (q *queue) arriveStored(r *ref, op *store.Op) {
	w := &q.window
	q.mu.Lock()
	q.adds.Add(-1)
	r.key.seq, r.key.rank, r.segment = op.Seq, w.rank(r.m), op.Segment
	if q.b.concurrent {
		q.outside--
		q.b.sawSegment(op.Segment)
	}
	if q.removed {
		q.mu.Unlock()
		if q.emptied.Load() { // units are done in order: it came after the removal
			q.b.rehouse(q.dest, r.m, op.Seq)
		} else {
			q.stats.discarded.Add(1)
		}
		return
	}
	q.stats.enqueued.Add(1)
	q.stats.size.Add(1)
	l := w.lane(r.key.rank)
	l.visible = max(l.visible, op.Seq)
	switch {
	case op.Seq <= l.cursor: // a page was faster
	case l.more() || w.paging || !w.room(l, &q.place):
		q.fellBehindLocked(l)
		q.pageLocked()
	case q.passesLocked(op.Seq): // a taker was faster
		l.cursor = op.Seq
	default:
		l.cursor = op.Seq
		q.enterLocked(r)
		q.dispatchLocked()
	}
	q.release()
	q.arrived(r.m)
}

// rehouse lets a queue that was removed while m was on its way to it come into
// being again, with what the store holds. The next queue may have taken later
// messages already, as they were appended, and then has to fetch this one.
func (b *Broker) rehouse(dest message.Destination, m *message.Message, seq store.Seq) {
	t, err := b.ensure(dest)
	if err != nil {
		b.log.Warn("message is stored for a destination that cannot be created", "destination", dest.String(), "error", err)
		return
	}
	if q, ok := t.(*queue); ok {
		q.mu.Lock()
		q.stats.size.Add(1)
		for rank := range q.window.lanes() {
			q.fellBehindLocked(q.window.lane(rank))
		}
		if seq <= q.window.lane(q.window.rank(m)).cursor && q.window.stored()[seq] == nil && !q.carriesLocked(m) {
			q.fetch = append(q.fetch, seq)
		}
		q.pageLocked()
		q.mu.Unlock()
	}
}

// carriesLocked reports whether a consumer was given m and has neither consumed
// it nor given it back.
func (q *queue) carriesLocked(m *message.Message) bool {
	for c := range q.rota.each {
		c.mu.Lock()
		carries := c.carriesLocked(func(r *ref) bool { return r.home == home(q) && r.m.ID.Key() == m.ID.Key() })
		c.mu.Unlock()
		if carries {
			return true
		}
	}
	return false
}

// enterLocked puts r into the window, and its size into the memory usage.
func (q *queue) enterLocked(r *ref) {
	q.window.insert(r, nil)
	q.usage.add(r.size())
}

// leaveLocked takes r out of the window and of the memory usage.
func (q *queue) leaveLocked(r *ref) {
	q.window.remove(r)
	q.usage.release(r.size())
}

func (q *queue) kick() {
	q.mu.Lock()
	if q.window.head != nil || q.window.more() || q.seek != nil {
		q.dispatchLocked()
	}
	q.release()
}

// dispatchLocked offers the window's messages to the consumers, in order.
func (q *queue) dispatchLocked() {
	if q.rota.n == 0 {
		return
	}
	if q.window.head != nil && q.b.mayServe() {
		q.offerLocked()
	}
	q.pageLocked()
}

func (q *queue) offerLocked() {
	q.rota.begin()
	var next *ref
	open := q.openLocked()
	for r := q.window.head; r != nil && r.key.rank <= open; r = next {
		next = r.next
		if q.seek != nil && r.seen == q.seek.round {
			continue
		}
		if r.stored && r.segment > q.exposed {
			q.exposeLocked(r.segment)
			return
		}
		if r.m.Expiration > 0 && r.m.Expired(q.b.nowMS()) {
			q.window.remove(r)
			q.doomed = append(q.doomed, r)
			continue
		}
		switch q.rota.offer(r, q.dest) {
		case taken:
			q.window.remove(r)
			q.stats.dispatched.Add(1)
			q.stats.inflight.Add(1)
		case full:
			return
		case unwanted:
			if q.seek != nil {
				r.seen = q.seek.round
			}
		}
	}
}

// exposeLocked records that messages up to segment may be delivered, and goes
// on dispatching when that is certain. With concurrent store and dispatch
// segment is one ahead, since a message is delivered before it is known where
// it will lie.
func (q *queue) exposeLocked(segment store.Segment) {
	if q.exposing {
		return
	}
	q.exposing = true
	op := store.Op{Action: store.Expose, Destination: q.dest, Segment: segment}
	q.b.began()
	q.b.store.Append(store.Single(op, true, func(err error) {
		defer q.b.ended()
		q.mu.Lock()
		q.exposing = false
		if err == nil {
			q.exposed = max(q.exposed, segment)
			q.dispatchLocked()
		} else {
			q.b.starved.Store(true) // try again with the next tick
		}
		q.answerLocked()
		q.release()
	}))
}

// idle reports that nothing more will be offered before something arrives or
// is acknowledged.
func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.exposing && !q.window.paging && !q.mayPageLocked()
}

func (q *queue) removal(r *ref) store.Op {
	return store.Op{Action: store.Remove, Destination: q.dest, ID: r.m.ID, Seq: r.key.seq}
}

func (q *queue) withdraw(r *ref) (func(error), bool) {
	if !q.b.concurrent {
		return nil, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if r.unit == nil || !q.b.store.Cancel(r.unit) {
		return nil, false
	}
	q.adds.Add(-1) // there will be no Done
	done := r.done
	r.unit, r.done = nil, nil
	return done, true
}

func (q *queue) settle(r *ref) {
	q.stats.inflight.Add(-1)
	q.stats.dequeued.Add(1)
	q.stats.size.Add(-1)
	q.usage.release(r.size())
	q.returned.remove(r.key.seq)
	q.left(r.m)
}
