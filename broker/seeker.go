package broker

import (
	"math"

	"github.com/conclavemq/conclave/store"
)

// seeker is what a queue knows of how far each of its consumers has looked,
// while there are some that do not want every message. The queue's lock guards
// it.
//
// A window full of what nobody here wants would keep everything behind it from
// being seen: ActiveMQ's page then is, and its consumers starve. Here such
// messages are passed over. Each consumer is a reader with a position of its
// own in every lane: at the lane's cursor (atCursor), or before it, since it
// came later or has as much in the window as it may. What was passed is read
// again for those alone that have not looked at it, and never twice for one
// of them; readers at one place share a page.
//
// A message enters the window on one reader's account, its claim, which bounds
// what a reader may fill. Any consumer may take it, as rota.offer decides, but
// nobody takes what lies beyond its own position: so each gets its messages in
// their order.
type seeker struct {
	q       *queue
	readers map[*consumer]*reader
	round   uint32 // rises with each new reader, so that ref.seen counts no more
	clock   uint64 // of turns
	due     bool   // a pager may find something to do
}

// reader is a consumer of a queue as a seeker knows it.
type reader struct {
	seeker *seeker
	c      *consumer
	// By lane: up to where nothing is new to it, and what is in the window on
	// its account.
	at     [store.Priorities]store.Seq
	claims [store.Priorities]int
	bytes  [store.Priorities]int64
	turn   uint64 // when something was read for it last
	gone   bool
}

// atCursor is the position of a reader that has seen all that was passed.
const atCursor = store.Seq(math.MaxUint64)

// seekLocked begins to keep positions with the first selective consumer. Until
// then nothing has been passed.
func (q *queue) seekLocked(c *consumer) {
	if q.seek == nil {
		if !c.selective() {
			return
		}
		q.seek = &seeker{q: q, readers: map[*consumer]*reader{}}
		q.rota.seek = q.seek
		for c := range q.rota.each {
			q.seek.join(c)
		}
		return
	}
	q.seek.join(c)
}

func (s *seeker) join(c *consumer) {
	r := &reader{seeker: s, c: c}
	for rank := range s.q.window.lanes() {
		r.settle(&s.q.window, rank)
	}
	s.readers[c] = r
	s.round++
	s.due = true
}

// leave forgets a consumer; what was claimed for it is anybody's.
func (s *seeker) leave(c *consumer) {
	if r := s.readers[c]; r != nil {
		r.gone = true
		delete(s.readers, c)
		s.round++ // there may be another exclusive one
		s.due = true
	}
}

// restLocked ends a seeker that is not needed any more.
func (q *queue) restLocked() {
	if q.seek == nil || q.rota.selective > 0 {
		return
	}
	for rank := range q.window.lanes() {
		if len(q.window.lane(rank).passed) > 0 {
			return
		}
	}
	for r := q.window.head; r != nil; r = r.next {
		r.claim, r.seen = nil, 0
	}
	q.seek, q.rota.seek = nil, nil
}

// settle moves a reader to the cursor if nothing that was passed is new to it.
func (r *reader) settle(w *window, rank uint8) {
	if r.at[rank] == atCursor {
		return
	}
	if first, ok := w.lane(rank).passed.beyond(r.at[rank]); ok {
		r.at[rank] = first - 1
	} else {
		r.at[rank] = atCursor
	}
}

// Bounds of what one reader may have in the window, in messages.
const claimQuota = 1024

// quota is what r may have claimed now.
func (r *reader) quota() (n int, bytes int64) {
	q := r.seeker.q
	n, bytes = q.window.bounds(&q.place)
	if q.window.bytes >= bytes {
		return leastWindow / 2, leastWindowBytes
	}
	return min(max(n/2, 1), claimQuota), max(bytes/4, leastWindowBytes)
}

// room reports whether r may claim another message of a lane.
func (r *reader) room(rank uint8) bool {
	n, bytes := r.quota()
	return r.claims[rank] < n && r.bytes[rank] < bytes
}

// hungry reports whether more is to be looked for on r's account, and where.
func (r *reader) hungry() (rank uint8, ok bool) {
	if rank, ok = r.stand(); !ok || !r.served() {
		return 0, false
	}
	n, bytes := r.quota()
	return rank, r.claims[rank] <= n/2 && r.bytes[rank] <= bytes/2
}

// served reports whether r's consumer gets messages at all.
func (r *reader) served() bool {
	e := r.seeker.q.rota.exclusive
	return e == nil || e.consumer == r.c
}

func (r *reader) take(m *ref) {
	m.claim = r
	r.claims[m.key.rank]++
	r.bytes[m.key.rank] += m.size()
}

func (r *reader) release(m *ref) {
	m.claim = nil
	r.claims[m.key.rank]--
	r.bytes[m.key.rank] -= m.size()
	if !r.seeker.due && !r.gone {
		_, r.seeker.due = r.hungry()
	}
}

// stand is where r's next messages are to be found: the first lane of which
// it has not seen everything. ok is false if there is none.
func (r *reader) stand() (rank uint8, ok bool) {
	w := &r.seeker.q.window
	for rank := range w.lanes() {
		if r.at[rank] != atCursor || w.lane(rank).behind {
			return rank, true
		}
	}
	return 0, false
}

// blocks reports whether c must not be given m yet, because what comes before
// it is still to be looked at.
func (s *seeker) blocks(c *consumer, m *ref) bool {
	r := s.readers[c]
	return r != nil && r.blocked(m)
}

func (r *reader) blocked(m *ref) bool {
	rank, ok := r.stand()
	return ok && (m.key.rank > rank || m.key.rank == rank && m.key.seq > r.at[rank])
}

// claimant returns the reader for whom m enters the window, among those that
// may says look at it. Those that want it and have no room are given to full.
func (s *seeker) claimant(e *store.Entry, rank uint8, may func(*reader) bool, full func(*reader)) *reader {
	var list []*reader
	redeliveries := max(entryRedeliveries(e), s.q.counts[e.Seq])
	for c := range s.q.rota.each {
		r := s.readers[c]
		if r == nil || !r.served() || !may(r) || !s.q.rota.want(c, e.Message, redeliveries) {
			continue
		}
		if r.room(rank) {
			return r
		}
		list = append(list, r)
	}
	for _, r := range list {
		full(r)
	}
	return nil
}

// tidy makes room: what is in the window and nobody here wants is passed over,
// beyond a half of it, which is kept for who may come.
func (s *seeker) tidy() {
	w := &s.q.window
	n, bytes := w.bounds(&s.q.place)
	var next *ref
	for m := w.head; m != nil; m = next {
		next = m.next
		if m.claim != nil && !m.claim.gone {
			continue
		}
		// Of a group, it may be wanted by others than the one who has the group.
		if m.seen != s.round || grouped(m.m) {
			m.claim = nil
			if !s.judge(m) {
				continue
			}
		}
		if m.stored && m.unit == nil && (w.n > n/2 || w.bytes > bytes/2) {
			s.q.passLocked(m)
		}
	}
}

// judge claims m for a reader that wants it and can have it. Otherwise it
// reports whether m can be passed over: not while a reader is on its way to it
// that has no more to look at in its lane.
func (s *seeker) judge(m *ref) bool {
	awaited := false
	for c := range s.q.rota.each {
		r := s.readers[c]
		if r == nil || !s.q.rota.want(c, m.m, m.redeliveries) {
			continue
		}
		if !r.blocked(m) {
			r.take(m)
			return false
		}
		if r.at[m.key.rank] >= m.key.seq {
			return false
		}
		awaited = true
	}
	if !awaited {
		m.seen = s.round
	}
	return true
}

// maxCounts bounds the redelivery counters of passed messages; beyond it what
// was given back stays in memory.
const maxCounts = 1 << 16

// countLocked keeps the redelivery counter of a message that leaves memory; false
// if there is no room.
func (q *queue) countLocked(m *ref) bool {
	if m.redeliveries <= m.m.RedeliveryCounter {
		return true
	}
	if len(q.counts) >= maxCounts {
		return false
	}
	if q.counts == nil {
		q.counts = map[store.Seq]int32{}
	}
	q.counts[m.key.seq] = m.redeliveries
	return true
}

// passLocked takes a message out of memory that was in the window, keeping its
// redelivery counter.
func (q *queue) passLocked(m *ref) {
	if !q.countLocked(m) {
		return
	}
	q.window.lane(m.key.rank).passed.add(m.key.seq)
	q.leaveLocked(m)
}
