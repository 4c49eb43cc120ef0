package journal

import (
	"strings"

	"github.com/conclavemq/conclave/message"
)

// maxIdleProducers is how many producers without a stored message are
// remembered for their last sequence.
const maxIdleProducers = 100_000

// producers numbers the producers of stored messages, and remembers the last
// sequence of those and of the ones that added most recently.
type producers struct {
	numbers map[message.ProducerID]uint32
	known   []producer // by number; number 0 ends the idle list
	free    []uint32
	idle    int
}

type producer struct {
	id         message.ProducerID
	last       int64
	entries    uint32 // stored messages
	prev, next uint32 // in the ring of idle producers, oldest next to 0
	file       uint32 // where the newest record of last is
}

func newProducers() producers {
	return producers{numbers: map[message.ProducerID]uint32{}, known: make([]producer, 1)}
}

// number returns the number of a producer; an unknown one gets one, and is
// idle. The connection's text is copied.
func (p *producers) number(id message.ProducerID) uint32 {
	if n, ok := p.numbers[id]; ok {
		return n
	}
	if p.idle >= maxIdleProducers {
		p.forget(p.known[0].next)
	}
	id.Connection = message.ConnectionID(strings.Clone(string(id.Connection)))
	var n uint32
	if last := len(p.free) - 1; last >= 0 {
		n, p.free = p.free[last], p.free[:last]
	} else {
		n = uint32(len(p.known))
		p.known = append(p.known, producer{})
	}
	p.known[n] = producer{id: id, last: -1}
	p.numbers[id] = n
	p.link(n)
	return n
}

// note records that a producer added a message with that sequence, in file.
func (p *producers) note(n uint32, sequence int64, file uint32) {
	k := &p.known[n]
	switch {
	case sequence > k.last:
		k.last, k.file = sequence, file
	case sequence == k.last:
		k.file = max(k.file, file)
	}
	if k.entries == 0 {
		p.unlink(n)
		p.link(n)
	}
}

// hold and release count the stored messages of a producer.
func (p *producers) hold(n uint32) {
	if p.known[n].entries == 0 {
		p.unlink(n)
	}
	p.known[n].entries++
}

func (p *producers) release(n uint32) {
	if p.known[n].entries--; p.known[n].entries == 0 {
		p.link(n)
		if p.idle > maxIdleProducers {
			p.forget(p.known[0].next)
		}
	}
}

func (p *producers) last(id message.ProducerID) int64 {
	if n, ok := p.numbers[id]; ok {
		return p.known[n].last
	}
	return -1
}

// link puts a producer at the young end of the idle ring.
func (p *producers) link(n uint32) {
	youngest := p.known[0].prev
	p.known[n].prev, p.known[n].next = youngest, 0
	p.known[youngest].next = n
	p.known[0].prev = n
	p.idle++
}

func (p *producers) unlink(n uint32) {
	k := &p.known[n]
	p.known[k.prev].next = k.next
	p.known[k.next].prev = k.prev
	k.prev, k.next = 0, 0
	p.idle--
}

func (p *producers) forget(n uint32) {
	p.unlink(n)
	delete(p.numbers, p.known[n].id)
	p.known[n] = producer{}
	p.free = append(p.free, n)
}
