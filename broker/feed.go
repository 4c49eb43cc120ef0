package broker

import (
	"slices"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// feed is what a durable subscription gets from one topic. While nobody is
// connected it holds nothing but a count: what is pending is in the store.
type feed struct {
	d       *durable
	t       *topic
	pending atomic.Int64 // stored and not acknowledged

	// d.mu guards the rest.
	window      window
	doomed      []*ref
	redelivered map[store.Seq]int32 // of messages that a consumer gave back
	locked      map[store.Seq]bool  // acknowledged in a transaction whose consumer is gone; whether the cursor has come by
	gone        []store.Seq         // still locked, until the pager is sure not to have them
	fetch       []store.Seq         // unlocked again, for the pager to fetch
	exposing    bool
	cleared     bool
	lagging     *consumer           // has turned slow; release tells
	swept       store.Seq           // how far sweepStore has come
	ends        map[uint8]store.Seq // of a subscription that drains: what of each lane it does not take any more

	returned returned
}

func (f *feed) base() *place { return &f.t.place }

func (f *feed) subscription() subscription { return f.d.watch }

// release unlocks d.mu, buries what was found to be expired and tells, for each
// topic of the subscription, that its consumer has turned slow.
func (f *feed) release() {
	doomed := f.doomed
	slow := f.lagging
	f.doomed, f.lagging = nil, nil
	var behind []*feed
	if slow != nil {
		behind = slices.Clone(f.d.feeds)
	}
	var over func()
	if len(doomed) == 0 {
		over = f.d.drainedLocked()
	}
	f.d.mu.Unlock()
	if over != nil {
		over()
	}
	for _, r := range doomed {
		f.d.b.expire(r, f.d)
	}
	for _, f := range behind {
		f.d.b.becameSlow(slow, &f.t.place)
	}
}

// hear takes a message of the topic's.
func (f *feed) hear(t *topic, m *message.Message, op *store.Op, _ *share) {
	d := f.d
	d.mu.Lock()
	defer f.release()
	wanted := f.wantsLocked(m)
	if op == nil {
		f.hearTransientLocked(m, wanted)
		return
	}
	w := &f.window
	rank := w.rank(m)
	l := w.lane(rank)
	l.visible = max(l.visible, op.Seq)
	if !wanted || f.refusesLocked(l, rank, op.Seq) {
		f.leaveOutLocked(m, op.Seq)
		return
	}
	f.pending.Add(1)
	switch {
	case op.Seq <= l.cursor: // a page was faster
	case d.active == nil || l.more() || w.paging || !w.room(l, &t.place):
		l.behind = true
		f.pageLocked()
	case f.passesLocked(op.Seq): // it had expired
		l.cursor = op.Seq
	default:
		l.cursor = op.Seq
		r := &ref{m: m, home: f, stored: true, key: key{seq: op.Seq, rank: rank}, segment: op.Segment, redeliveries: m.RedeliveryCounter}
		f.enterLocked(r, nil)
		f.dispatchLocked()
	}
	f.lagLocked()
}

// lagLocked sees whether the consumer has turned slow: something has come, it
// waits, and the consumer has all that it may have. (ActiveMQ:
// PrefetchSubscription.dispatchPending)
func (f *feed) lagLocked() {
	if c := f.d.active; c != nil && !c.pace.slow.Load() && (f.window.head != nil || f.window.more()) && c.full() && c.pace.slacken() {
		f.lagging = c
	}
}

// hearTransientLocked keeps a message that is not stored, as far as there is
// room: nothing else would bound it.
func (f *feed) hearTransientLocked(m *message.Message, wanted bool) {
	if !wanted || f.d.drain != nil {
		return
	}
	r := &ref{m: m, home: f, key: f.window.transientKey(m), redeliveries: m.RedeliveryCounter}
	switch {
	case f.d.active != nil && f.spillLocked(r):
	case !f.keepsLocked(m):
		f.t.stats.discarded.Add(1)
		return
	default:
		f.enterLocked(r, nil)
	}
	f.dispatchLocked()
	f.lagLocked()
}

func (f *feed) wantsLocked(m *message.Message) bool {
	d := f.d
	if d.info.NoLocal && m.ID.Producer.Connection == d.local {
		return false
	}
	return d.filter == nil || d.filter.Match(m, m.RedeliveryCounter)
}

// leaveOutLocked passes over a stored message that has just come.
func (f *feed) leaveOutLocked(m *message.Message, seq store.Seq) {
	f.refuseLocked(m, seq)
	w := &f.window
	if l := w.lane(w.rank(m)); !l.more() && !w.paging {
		l.cursor = max(l.cursor, seq)
	}
}

// refuseLocked acknowledges what the selector does not want.
func (f *feed) refuseLocked(m *message.Message, seq store.Seq) {
	op := f.acknowledgement(&m.ID, seq)
	op.Unmatched = true
	f.d.b.store.Append(store.Single(op, false, nil))
}

func (f *feed) acknowledgement(id *message.MessageID, seq store.Seq) store.Op {
	return store.Op{Action: store.Acknowledge, Destination: f.t.dest, ID: *id, Seq: seq, Subscription: f.d.key()}
}

func (f *feed) enterLocked(r, hint *ref) *ref {
	f.t.usage.add(r.size())
	return f.window.insert(r, hint)
}

func (f *feed) kick() {
	f.d.mu.Lock()
	if f.window.head != nil || f.window.more() || len(f.fetch) > 0 {
		f.dispatchLocked()
	}
	f.release()
}

// dispatchLocked delivers to the consumer as far as it has credit.
func (f *feed) dispatchLocked() {
	c := f.d.active
	if c == nil {
		return
	}
	if f.d.b.mayServe() {
		f.offerLocked(c)
	}
	f.pageLocked()
}

func (f *feed) offerLocked(c *consumer) {
	var next *ref
	open := f.window.open()
	for r := f.window.head; r != nil && !f.exposing && r.key.rank <= open; r = next {
		next = r.next
		if f.earlyLocked(r) {
			return
		}
		if r.stored && !f.t.expose(r.segment, f.exposed) {
			f.exposing = true
			return
		}
		if r.m.Expiration > 0 && r.m.Expired(f.d.b.nowMS()) {
			f.window.remove(r)
			f.doomed = append(f.doomed, r)
			continue
		}
		if !c.take(r, f.t.dest) {
			return
		}
		c.pace.recover()
		f.window.remove(r)
		f.t.stats.dispatched.Add(1)
		f.t.stats.inflight.Add(1)
	}
}

// exposed goes on after an exposure; after a failed one, with the next tick.
func (f *feed) exposed(ok bool) {
	f.d.mu.Lock()
	f.exposing = false
	if ok {
		f.dispatchLocked()
		f.lagLocked() // of what has come meanwhile
	} else {
		f.d.b.starved.Store(true)
	}
	c := f.d.active
	f.release()
	if c != nil && f.idle() {
		c.answerEmpty()
	}
}

// mayPageLocked reports whether there is something for a pager to do. It waits
// for acknowledgements that are on their way, since the store still has what
// they take away.
func (f *feed) mayPageLocked() bool {
	w := &f.window
	if f.d.active == nil || f.cleared || f.d.b.stopping.Load() || f.d.unsettled.Load() > 0 && !w.began() {
		return false
	}
	return f.dueLocked() || len(f.fetch) > 0
}

func (f *feed) pageLocked() {
	if !f.window.paging && f.mayPageLocked() {
		f.window.paging = true
		f.d.b.run(f.page)
	}
}

// page reads from the store until the window is full or has caught up.
func (f *feed) page() {
	d := f.d
	d.mu.Lock()
	for f.mayPageLocked() {
		if err := f.pageOnce(); err != nil {
			f.letPagerLocked()
			f.release()
			d.b.log.Error("cannot read a durable subscription from the store", "subscription", d.key(), "topic", f.t.dest.Name, "error", err)
			d.b.starved.Store(true) // try again with the next tick
			return
		}
		f.release()
		d.mu.Lock()
	}
	f.endPage()
}

// endPage ends a pager's work, and unlocks.
func (f *feed) endPage() {
	f.letPagerLocked()
	f.dispatchLocked()
	c := f.d.active
	f.release()
	if c != nil && f.idle() {
		c.answerEmpty()
	}
}

// pageOnce does one step. d.mu is locked, and unlocked while the store is read.
func (f *feed) pageOnce() error {
	d, w := f.d, &f.window
	if fetch := f.fetch; len(fetch) > 0 {
		f.fetch = nil
		d.mu.Unlock()
		f.restore(fetch)
		d.mu.Lock()
		return nil
	}
	owner := d.active // for whom a page is read
	rank, _ := w.due(&f.t.place)
	l := w.lane(rank)
	ahead := w.ahead(l, &f.t.place)
	if f.stuckLocked(rank) {
		ahead.limit, ahead.bytes = f.t.policy.MaxPageSize, f.t.policy.MaxPageBytes
	}
	d.mu.Unlock()
	next, err := f.readAhead(rank, ahead)
	d.mu.Lock()
	if err != nil {
		return err
	}
	if d.active == owner && !f.cleared {
		f.takeLocked(l, rank, next)
		if d.b.mayServe() {
			f.offerLocked(owner)
		}
	}
	return nil
}

// read reads a page of a lane from the store.
func (f *feed) read(rank uint8, after store.Seq, limit int, bytes int64) ([]store.Entry, error) {
	if f.window.rest == nil {
		return f.d.b.store.PageSubscription(nil, f.t.dest, f.d.key(), after, limit, bytes)
	}
	return f.d.b.store.PagePriority(nil, f.t.dest, f.d.key(), store.Priorities-1-rank, after, limit, bytes)
}

func (f *feed) admitLocked(l *lane, rank uint8, entries []store.Entry, full bool, seen store.Seq) {
	f.window.admitPage(l, entries, full, seen, func(e *store.Entry, hint *ref) *ref {
		if f.passesLocked(e.Seq) {
			return nil
		}
		if f.beyondLocked(rank, e.Seq) || !f.wantsLocked(e.Message) {
			f.refuseLocked(e.Message, e.Seq)
			return nil
		}
		r := &ref{}
		r.fromEntry(e, f, rank)
		if n, ok := f.redelivered[e.Seq]; ok {
			r.redeliveries = max(r.redeliveries, n)
			delete(f.redelivered, e.Seq)
		}
		return f.enterLocked(r, hint)
	})
}

func (f *feed) idle() bool {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return !f.exposing && !f.window.paging && !f.dueLocked()
}

// detach is for a consumer of a feed that is gone; see durable.free.
func (f *feed) detach(*consumer, []*ref) {}

// takeBack makes a message available again whose transaction was rolled back
// after its consumer had been closed.
func (f *feed) takeBack(r *ref) {
	if r.stored {
		f.returned.add(r.key.seq)
	}
	f.d.mu.Lock()
	delete(f.locked, r.key.seq)
	if r.stored && r.key.seq <= f.window.lane(r.key.rank).cursor && !f.cleared {
		r.reset()
		f.t.stats.inflight.Add(-1)
		f.window.insertFront(r)
		f.dispatchLocked()
	} else {
		f.giveUpLocked(r)
		f.dispatchLocked()
	}
	f.release()
}

// giveUpLocked lets go of a message that was in flight.
func (f *feed) giveUpLocked(r *ref) {
	f.t.stats.inflight.Add(-1)
	if f.staysLocked(r.m) {
		r.reset()
		f.window.insertFront(r)
		return
	}
	f.t.usage.release(r.size())
	if r.stored && r.redeliveries > 0 && !f.cleared {
		f.redelivered[r.key.seq] = r.redeliveries
	}
	if !r.stored {
		f.t.stats.discarded.Add(1)
	}
}

// forgetLocked empties the window, but for what is nowhere else.
func (f *feed) forgetLocked() {
	var next *ref
	for r := f.window.head; r != nil; r = next {
		next = r.next
		if f.staysLocked(r.m) {
			continue
		}
		f.window.remove(r)
		f.t.usage.release(r.size())
		switch {
		case !r.stored:
			f.t.stats.discarded.Add(1)
		case r.redeliveries > 0 && !f.cleared:
			f.redelivered[r.key.seq] = r.redeliveries
		}
	}
	f.t.stats.discarded.Add(int64(f.window.closeOverflow(f.d.b)))
	f.window.fallBehind()
	for seq := range f.locked {
		f.locked[seq] = false
	}
}

// clear ends the feed.
func (f *feed) clear() {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.cleared = true
	f.forgetLocked()
}

func (f *feed) sweep() {
	now := f.d.b.nowMS()
	f.d.mu.Lock()
	var next *ref
	for r := f.window.head; r != nil; r = next {
		next = r.next
		if r.m.Expired(now) {
			f.window.remove(r)
			f.doomed = append(f.doomed, r)
		}
	}
	f.release()
}

func (f *feed) removal(r *ref) store.Op {
	return f.acknowledgement(&r.m.ID, r.key.seq)
}

func (f *feed) withdraw(*ref) (func(error), bool) { return nil, false }

func (f *feed) settle(r *ref) {
	f.t.stats.inflight.Add(-1)
	f.t.stats.dequeued.Add(1)
	f.t.usage.release(r.size())
	if r.stored {
		f.pending.Add(-1)
		f.returned.remove(r.key.seq)
	}
	f.t.left(r.m)
	if f.d.draining.Load() {
		f.d.b.run(f.kick)
	}
}
