package broker

import (
	"math"

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
	// wasReturned reports whether a rollback has given r back; see returned.
	wasReturned(r *ref) bool
}

// key orders messages in memory, within a priority: stored ones by their position in the log,
// others, which have none, behind the position that was last when they came.
type key struct {
	seq  store.Seq
	sub  uint64 // 0 for a stored message
	rank uint8  // of its lane, before all else; 0 without priorities
}

func (k key) less(l key) bool {
	if k.rank != l.rank {
		return k.rank < l.rank
	}
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
	judged     uint64      // home's lock: the state in which it waited; see rota
	claim      *reader     // home's lock: for whom it is in the window; see seeker
	unit       *store.Unit // home's lock: not nil while its write may be taken back
	done       func(error) // home's lock: of the producer, with unit
	owner      *consumer

	// Small ones stand together: there is a ref for each message in memory.
	segment      store.Segment
	bytes        uint32 // fixed: what r counts for in memory; see size
	seen         uint32 // home's lock: the round in which nobody wanted it; see seeker
	nth          uint32 // of its consumer's deliveries
	redeliveries int32
	listed       bool // home's lock: in the window
	stored       bool // fixed: there is a copy in the store
	held         bool // acknowledged in a transaction that has no outcome
	raised       bool // a rollback has been counted in redeliveries
	doubtful     bool // fixed: an earlier master may have passed it on to another broker
	tracked      bool // the application had it before its client failed over to here
	lent         bool // home's lock: a bridge had it and gave it back
	asked        bool // its client has refused it once; see suppressions
}

// size is what r counts for in memory.
func (r *ref) size() int64 {
	if r.bytes > 0 {
		return int64(r.bytes)
	}
	return r.home.base().sizeOf(r.m)
}

// measured is a size as a ref of a message on its way keeps it; 0 is that it
// is to be asked for.
func (p *place) measured(m *message.Message) uint32 {
	if n := p.sizeOf(m); n > 0 && n <= math.MaxUint32 {
		return uint32(n)
	}
	return 0
}

// reset makes r ready to be delivered again.
func (r *ref) reset() {
	r.owner, r.claim, r.seen, r.held, r.raised, r.tracked, r.asked = nil, nil, 0, false, false, false, false
}

// fromEntry makes r, of the lane rank, of what the store returned.
func (r *ref) fromEntry(e *store.Entry, h home, rank uint8) {
	*r = ref{m: e.Message, home: h, key: key{seq: e.Seq, rank: rank}, segment: e.Segment, stored: true}
	r.redeliveries = entryRedeliveries(e)
	r.doubtful = e.Redelivered
}

// entryRedeliveries is how often the store's message was delivered before, as
// far as the store knows.
func entryRedeliveries(e *store.Entry) int32 {
	n := max(e.Message.RedeliveryCounter, e.Redeliveries)
	if e.Redelivered {
		n = max(n, 1)
	}
	return n
}

// window is the part of a backlog that is in memory and waits for a consumer,
// ordered by key, with a cursor into what is only in the store. Its owner's
// lock guards it.
//
// A destination with priorities has ten lanes, one for each, all others have
// one. A lane's cursor is the last position that has entered the window, by
// Done or from a page; everything visible beyond it is in the store alone. A
// message enters from Done only when its lane is caught up, so the two ways
// cannot pass the same message twice: Done finds it at or below the cursor
// when a page has been faster. A page is read without the lock, so that what it
// shows may be gone, or locked, when it is taken in: what is unlocked because it
// is gone stays locked until no pager is at work, and whoever else takes what is
// in the store alone works in a pager's place. What a page brings and nobody wants need not
// enter; see seeker.
type window struct {
	head   *ref
	n      int
	bytes  int64
	paging bool   // a pager is at work
	subs   uint64 // last key.sub
	first  lane   // of the highest priority, or of all
	rest   []lane // of the others; nil without priorities
}

// lane is what a window has of one priority.
type lane struct {
	tail     *ref
	n        int
	bytes    int64
	cursor   store.Seq
	visible  store.Seq // highest position whose Done was called
	behind   bool      // the store may hold messages beyond the cursor
	passed   passed    // below the cursor, and in the store alone
	overflow overflow  // what is in no store and has no room here
}

// prioritize makes a window one with priorities, before it is used.
func (w *window) prioritize() { w.rest = make([]lane, store.Priorities-1) }

// rank is the lane of a message: 0 is the first.
func (w *window) rank(m *message.Message) uint8 {
	if w.rest == nil {
		return 0
	}
	return store.Priorities - 1 - store.Priority(m)
}

// lanes is how many there are.
func (w *window) lanes() uint8 { return uint8(1 + len(w.rest)) }

func (w *window) lane(rank uint8) *lane {
	if rank == 0 {
		return &w.first
	}
	return &w.rest[rank-1]
}

// behind reports whether the store may hold messages beyond a cursor.
func (w *window) behind() bool {
	for rank := range w.lanes() {
		if w.lane(rank).behind {
			return true
		}
	}
	return false
}

// fallBehind says that nothing is known of what the store holds.
func (w *window) fallBehind() {
	for rank := range w.lanes() {
		l := w.lane(rank)
		l.cursor, l.behind = 0, true
	}
}

// began reports whether anything of the store has been looked at.
func (w *window) began() bool {
	for rank := range w.lanes() {
		if w.lane(rank).cursor > 0 {
			return true
		}
	}
	return false
}

// heard reports whether a stored message has come since the queue was opened.
func (w *window) heard() bool {
	for rank := range w.lanes() {
		if w.lane(rank).visible > 0 {
			return true
		}
	}
	return false
}

// last is the highest position that is known of.
func (w *window) last() (seq store.Seq) {
	for rank := range w.lanes() {
		l := w.lane(rank)
		seq = max(seq, l.visible, l.cursor)
	}
	return seq
}

// insert puts r into its place, looking from hint (nil: the end of its lane)
// and returning r as the hint for what comes next.
func (w *window) insert(r, hint *ref) *ref {
	after := hint
	if hint == nil {
		after = w.tailOf(r.key.rank)
	} else {
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

// tailOf is the last message of a lane or of the ones before it.
func (w *window) tailOf(rank uint8) *ref {
	for ; rank > 0; rank-- {
		if t := w.rest[rank-1].tail; t != nil {
			return t
		}
	}
	return w.first.tail
}

// insertFront is insert, looking from the head of the lane.
func (w *window) insertFront(r *ref) {
	var after *ref
	next := w.head
	if rank := r.key.rank; rank > 0 {
		if after = w.tailOf(rank - 1); after != nil {
			next = after.next
		}
	}
	for ; next != nil && next.key.less(r.key); next = next.next {
		after = next
	}
	w.link(r, after)
}

func (w *window) link(r, after *ref) {
	l := w.lane(r.key.rank)
	size := r.size()
	w.n++
	l.n++
	w.bytes += size
	l.bytes += size
	r.listed = true
	r.prev = after
	if after == nil {
		r.next, w.head = w.head, r
	} else {
		r.next, after.next = after.next, r
	}
	if r.next != nil {
		r.next.prev = r
	}
	if l.tail == nil || l.tail == after {
		l.tail = r
	}
}

func (w *window) remove(r *ref) {
	l := w.lane(r.key.rank)
	size := r.size()
	w.n--
	l.n--
	w.bytes -= size
	l.bytes -= size
	if l.tail == r {
		if l.tail = r.prev; l.n == 0 {
			l.tail = nil
		}
	}
	if r.prev == nil {
		w.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	}
	r.prev, r.next, r.listed = nil, nil, false
	if r.claim != nil {
		r.claim.release(r)
	}
}

// transientKey is the place of a message that is not in the store.
func (w *window) transientKey(m *message.Message) key {
	w.subs++
	rank := w.rank(m)
	l := w.lane(rank)
	return key{max(l.visible, l.cursor), w.subs, rank}
}

// room reports whether another stored message of a lane may enter.
func (w *window) room(l *lane, p *place) bool {
	n, bytes := w.share(p)
	return l.n < n && l.bytes < bytes && !p.saturated()
}

// low reports whether it is time to page a lane.
func (w *window) low(l *lane, p *place) bool {
	n, bytes := w.share(p)
	return l.n <= n/2 && l.bytes <= bytes/2 && !p.saturated()
}

// due returns the lane to be paged next. Nothing of the ones after a lane that
// is behind may be delivered, so nothing of them is needed.
func (w *window) due(p *place) (rank uint8, ok bool) {
	for rank := range w.lanes() {
		if l := w.lane(rank); l.more() {
			return rank, w.low(l, p)
		}
	}
	return 0, false
}

// firstOf is the first message of a lane; nil if it has none in memory.
func (w *window) firstOf(rank uint8) *ref {
	r := w.head
	if rank > 0 {
		if before := w.tailOf(rank - 1); before != nil {
			r = before.next
		}
	}
	if r == nil || r.key.rank != rank {
		return nil
	}
	return r
}

// open is the last lane of which messages may be delivered: beyond one that is
// behind a message of a higher priority may still be in the store.
func (w *window) open() uint8 {
	for rank := range w.lanes() {
		if w.lane(rank).more() {
			return rank
		}
	}
	return store.Priorities
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
	if p.space.resident {
		spare = p.usage.left()
	}
	if spare <= 0 {
		return leastWindow, leastWindowBytes
	}
	if p.space.resident {
		return math.MaxInt, w.bytes + spare
	}
	return p.policy.MaxPageSize, min(p.policy.MaxPageBytes, max(w.bytes+spare, leastWindowBytes))
}

// laneShare is the part of the bounds that each lane may fill, so that what is
// of low priority does not keep out what is of a high one.
const laneShare = 5

// share is what a lane may hold now.
func (w *window) share(p *place) (n int, bytes int64) {
	n, bytes = w.bounds(p)
	if w.rest == nil {
		return n, bytes
	}
	return max(n/laneShare, leastWindow/2), max(bytes/laneShare, leastWindowBytes)
}

// wanting is how much a page of a lane may bring.
func (w *window) wanting(l *lane, p *place) (n int, bytes int64) {
	n, bytes = w.share(p)
	return max(n-l.n, 1), max(bytes-l.bytes, 1)
}

// admitPage puts a page into the window and says how far its lane has come.
// full says that the page ended at a bound, so that there may be more; seen is
// what visible was before the page was read.
func (w *window) admitPage(l *lane, entries []store.Entry, full bool, seen store.Seq, add func(*store.Entry, *ref) *ref) {
	var hint *ref
	for i := range entries {
		e := &entries[i]
		if e.Seq <= l.cursor {
			continue
		}
		l.cursor = e.Seq
		if r := add(e, hint); r != nil {
			hint = r
		}
	}
	l.pageEnds(len(entries), full, seen)
}

// pageEnds says, after a page, whether there is more.
func (l *lane) pageEnds(entries int, full bool, seen store.Seq) {
	if !full && entries == 0 {
		l.cursor = max(l.cursor, seen) // what is missing cannot be read
	}
	l.behind = full || l.visible > l.cursor
}
