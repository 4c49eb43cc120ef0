package broker

import "github.com/conclavemq/conclave/message"

// spillLocked puts a message into the spool, if it cannot wait in memory. A
// limit on what may wait is bound enough.
func (s *subscriber) spillLocked(t *topic, m *message.Message) bool {
	if !t.space.spools || s.limit >= 0 || s.overflow.n == 0 && !t.crowdedBy(t.sizeOf(m)) {
		return false
	}
	if !s.overflow.push(s.b, m, key{}) {
		return false
	}
	s.refillLocked()
	return true
}

// refillLocked begins to read from the spool if nothing waits in memory. There
// is one reader at a time.
func (s *subscriber) refillLocked() {
	if s.overflow.n == 0 || s.waiting.n > 0 || s.refilling || s.closed ||
		s.creditLocked() <= 0 || s.hold.heldLocked() || s.b.stopping.Load() {
		return
	}
	s.refilling = true
	list, from := s.overflow.list, s.overflow.next
	s.b.run(func() { s.refill(list, from) })
}

// Bounds of what a subscriber reads from the spool at a time.
const (
	refillPage      = 512
	refillPageBytes = 1 << 20
)

// refill reads one page, and goes on with deliveries.
func (s *subscriber) refill(list SpoolList, from int64) {
	page, _, err := readBack(list, from, refillPage, refillPageBytes)
	if err != nil {
		s.b.log.Error("cannot read spooled messages", "consumer", s.info.ID.String(), "error", err)
	}
	s.mu.Lock()
	s.refilling = false
	if s.closed || err != nil {
		s.mu.Unlock()
		s.b.starved.Store(true) // try again with the next tick
		return
	}
	for i := range page {
		if t := s.topicLocked(page[i].m.Destination); t != nil {
			share := t.share(page[i].m)
			share.keep()
			s.waiting.push(waiter{page[i].m, t, share, s.eviction.keyOf(page[i].m)})
		}
	}
	s.overflow.drop(s.b, page)
	s.mu.Unlock()
	s.drain()
}

// topicLocked finds one of the subscriber's topics; nil if it was removed.
func (s *subscriber) topicLocked(dest message.Destination) *topic {
	for _, t := range s.topics {
		if t.dest == dest {
			return t
		}
	}
	return nil
}
