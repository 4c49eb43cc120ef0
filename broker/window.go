package broker

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// home is what a message in memory belongs to: a queue, or a durable
// subscription's feed from one topic.
type home interface {
	base() *place
	// kick delivers what can be delivered.
	kick()
	// idle reports that nothing is on its way that could be delivered soon.
	idle() bool
	// detach ends a consumer and takes back what it had not acknowledged, in
	// the order of delivery.
	detach(c *consumer, refs []*ref)
	// takeBack makes one message available again.
	takeBack(r *ref)
	// removal is the operation that takes r out of the store.
	removal(r *ref) store.Op
	// withdraw takes back the write of r if it has not begun; done, if not
	// nil, is then owed to the producer.
	withdraw(r *ref) (done func(error), ok bool)
	// settle forgets a message that was consumed.
	settle(r *ref)
}

// key orders messages in memory: stored ones by their position in the log,
// others, which have none, behind the position that was last when they came.
type key struct {
	seq store.Seq
	sub uint64 // 0 for a stored message
}

func (k key) less(l key) bool {
	return k.seq < l.seq || k.seq == l.seq && k.sub < l.sub
}

// ref is a message in memory. Its home's lock guards the fields up to the
// blank line while it is in a window; the consumer's lock guards the others
// while it is in flight.
type ref struct {
	m          *message.Message
	home       home
	prev, next *ref
	key        key
	segment    store.Segment
	judged     uint64      // home's lock: the state in which it waited; see rota
	unit       *store.Unit // home's lock: not nil while its write may be taken back
	done       func(error) // home's lock: of the producer, with unit

	owner        *consumer
	redeliveries int32
	listed       bool // home's lock: in the window
	stored       bool // fixed: there is a copy in the store
	held         bool // acknowledged in a transaction that has no outcome
	raised       bool // a rollback has been counted in redeliveries
	tracked      bool // the application had it before its client failed over to here
}

// size is what r counts for in memory.
func (r *ref) size() int64 { return r.m.Size() }

// reset makes r ready to be delivered again.
func (r *ref) reset() {
	r.owner, r.held, r.raised, r.tracked = nil, false, false, false
}

// fromEntry makes r of what the store returned.
func (r *ref) fromEntry(e *store.Entry, h home) {
	*r = ref{m: e.Message, home: h, key: key{seq: e.Seq}, segment: e.Segment, stored: true}
	r.redeliveries = e.Message.RedeliveryCounter
	if e.Redelivered && r.redeliveries == 0 {
		r.redeliveries = 1
	}
}

// window is the part of a backlog that is in memory and waits for a consumer,
// ordered by key, with a cursor into what is only in the store. Its owner's
// lock guards it.
//
// The cursor is the last position that has entered the window, by Done or
// from a page; everything visible beyond it is in the store alone. A message
// enters from Done only when the window is caught up, so the two ways cannot
// pass the same message twice: Done finds it at or below the cursor when a
// page has been faster.
type window struct {
	head, tail *ref
	n          int
	bytes      int64
	cursor     store.Seq
	visible    store.Seq // highest position whose Done was called
	behind     bool      // the store may hold messages beyond the cursor
	paging     bool      // a pager is at work
	subs       uint64    // last key.sub
}

// insert puts r into its place, looking from hint (nil: the tail) and
// returning r as the hint for what comes next.
func (w *window) insert(r, hint *ref) *ref {
	w.n++
	w.bytes += r.size()
	after := w.tail
	if hint != nil {
		after = hint
		for after.next != nil && after.next.key.less(r.key) {
			after = after.next
		}
	}
	for after != nil && r.key.less(after.key) {
		after = after.prev
	}
	w.link(r, after)
	return r
}

// insertFront is insert, looking from the head.
func (w *window) insertFront(r *ref) {
	w.n++
	w.bytes += r.size()
	var after *ref
	for next := w.head; next != nil && next.key.less(r.key); next = next.next {
		after = next
	}
	w.link(r, after)
}

func (w *window) link(r, after *ref) {
	r.listed = true
	r.prev = after
	if after == nil {
		r.next, w.head = w.head, r
	} else {
		r.next, after.next = after.next, r
	}
	if r.next == nil {
		w.tail = r
	} else {
		r.next.prev = r
	}
}

func (w *window) remove(r *ref) {
	w.n--
	w.bytes -= r.size()
	if r.prev == nil {
		w.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		w.tail = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.prev, r.next, r.listed = nil, nil, false
}

// transientKey is the place of a message that is not in the store.
func (w *window) transientKey() key {
	w.subs++
	return key{max(w.visible, w.cursor), w.subs}
}

// room reports whether another stored message may enter.
func (w *window) room(p *place) bool {
	n, bytes := w.bounds(p)
	return w.n < n && w.bytes < bytes && !p.saturated()
}

// low reports whether it is time to page.
func (w *window) low(p *place) bool {
	n, bytes := w.bounds(p)
	return w.n <= n/2 && w.bytes <= bytes/2 && !p.saturated()
}

// saturated reports that memory is full, of what consumers have in flight,
// too: nothing more is brought into it before they acknowledge.
func (p *place) saturated() bool {
	return p.usage.full() && p.stats.inflight.Load() > 0
}

// smallest window, in messages and bytes, however little memory is left.
const (
	leastWindow      = 16
	leastWindowBytes = 64 << 10
)

// bounds is what a window may hold now: no more than its policy says, and no
// more than there is memory for below the high-water mark.
func (w *window) bounds(p *place) (n int, bytes int64) {
	spare := p.usage.spare()
	if spare <= 0 {
		return leastWindow, leastWindowBytes
	}
	return p.policy.MaxPageSize, min(p.policy.MaxPageBytes, max(w.bytes+spare, leastWindowBytes))
}

// admitPage puts a page into the window and says how far it has come. full
// says that the page ended at a bound, so that there may be more; seen is what
// visible was before the page was read.
func (w *window) admitPage(entries []store.Entry, full bool, seen store.Seq, add func(*store.Entry, *ref) *ref) {
	var hint *ref
	for i := range entries {
		e := &entries[i]
		if e.Seq <= w.cursor {
			continue
		}
		w.cursor = e.Seq
		if r := add(e, hint); r != nil {
			hint = r
		}
	}
	if !full && len(entries) == 0 {
		w.cursor = max(w.cursor, seen) // what is missing cannot be read
	}
	w.behind = full || w.visible > w.cursor
}
