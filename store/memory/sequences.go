package memory

import (
	"container/list"

	"github.com/conclavemq/conclave/message"
)

// maxProducers is how many producers' last sequences are remembered.
const maxProducers = 65536

// sequences remembers the highest sequence of the producers that were noted
// last.
type sequences struct {
	limit   int
	byUse   *list.List // of *lastSequence, most recent first
	entries map[message.ProducerID]*list.Element
}

type lastSequence struct {
	producer message.ProducerID
	highest  int64
}

func newSequences(limit int) sequences {
	return sequences{limit, list.New(), map[message.ProducerID]*list.Element{}}
}

func (s *sequences) note(producer message.ProducerID, sequence int64) {
	if e := s.entries[producer]; e != nil {
		s.byUse.MoveToFront(e)
		last := e.Value.(*lastSequence)
		last.highest = max(last.highest, sequence)
		return
	}
	if s.byUse.Len() >= s.limit {
		oldest := s.byUse.Remove(s.byUse.Back()).(*lastSequence)
		delete(s.entries, oldest.producer)
	}
	s.entries[producer] = s.byUse.PushFront(&lastSequence{producer, sequence})
}

// last is -1 for a producer that is not remembered.
func (s *sequences) last(producer message.ProducerID) int64 {
	if e := s.entries[producer]; e != nil {
		return e.Value.(*lastSequence).highest
	}
	return -1
}
