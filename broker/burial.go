package broker

import (
	"sync"

	"github.com/conclavemq/conclave/message"
)

// burials remember which messages of topics have become dead letters, so that
// each does so once. The oldest are forgotten. (ActiveMQ:
// AbstractDeadLetterStrategy's audit)
type burials struct {
	mu   sync.Mutex
	seen map[burial]bool // mu
	ring []burial        // mu; in the order of entry
	next int             // mu; the oldest, when the ring is full
}

// burial is one message in one dead letter destination.
type burial struct {
	key  message.MessageKey
	from message.Destination
	to   message.Destination
}

// maxBurials bounds what is remembered.
const maxBurials = 16384

// enter notes a burial; false if it has been noted already.
func (s *burials) enter(x burial) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[x] {
		return false
	}
	if s.seen == nil {
		s.seen = map[burial]bool{}
	}
	if len(s.ring) < maxBurials {
		s.ring = append(s.ring, x)
	} else {
		delete(s.seen, s.ring[s.next])
		s.ring[s.next] = x
		s.next = (s.next + 1) % maxBurials
	}
	s.seen[x] = true
	return true
}

// leave takes back a burial that failed, or whose message was raised again.
func (s *burials) leave(x burial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, x)
}
