package journal

import (
	"context"
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
	known   pages[producer] // by number; number 0 ends the idle list
	next    uint32          // the first number that was never used
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
	p := producers{numbers: map[message.ProducerID]uint32{}, next: 1}
	p.known.reach(0)
	return p
}

// number returns the number of a producer; an unknown one gets one, and is
// idle. The connection's text is copied.
func (p *producers) number(id message.ProducerID) uint32 {
	if n, ok := p.numbers[id]; ok {
		return n
	}
	if p.idle >= maxIdleProducers {
		p.forget(p.known.at(0).next)
	}
	id.Connection = message.ConnectionID(strings.Clone(string(id.Connection)))
	var n uint32
	if last := len(p.free) - 1; last >= 0 {
		n, p.free = p.free[last], p.free[:last]
	} else {
		n = p.next
		p.next++
		p.known.reach(n)
	}
	*p.known.edit(n) = producer{id: id, last: -1}
	p.numbers[id] = n
	p.link(n)
	return n
}

// note records that a producer added a message with that sequence, in file.
func (p *producers) note(n uint32, sequence int64, file uint32) {
	k := p.known.edit(n)
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
	k := p.known.edit(n)
	if k.entries++; k.entries == 1 {
		p.unlink(n)
	}
}

func (p *producers) release(n uint32) {
	k := p.known.edit(n)
	if k.entries--; k.entries == 0 {
		p.link(n)
		if p.idle > maxIdleProducers {
			p.forget(p.known.at(0).next)
		}
	}
}

func (p *producers) last(id message.ProducerID) int64 {
	if n, ok := p.numbers[id]; ok {
		return p.known.at(n).last
	}
	return -1
}

// link puts a producer at the young end of the idle ring.
func (p *producers) link(n uint32) {
	youngest := p.known.at(0).prev
	k := p.known.edit(n)
	k.prev, k.next = youngest, 0
	p.known.edit(youngest).next = n
	p.known.edit(0).prev = n
	p.idle++
}

func (p *producers) unlink(n uint32) {
	k := p.known.edit(n)
	p.known.edit(k.prev).next = k.next
	p.known.edit(k.next).prev = k.prev
	k.prev, k.next = 0, 0
	p.idle--
}

func (p *producers) forget(n uint32) {
	p.unlink(n)
	k := p.known.edit(n)
	delete(p.numbers, k.id)
	*k = producer{}
	p.free = append(p.free, n)
}

// restore makes a producer with a number that was never used. One with
// messages gets its entries afterwards, an idle one is the youngest of those.
func (p *producers) restore(id message.ProducerID, last int64, file uint32, held bool) (n uint32, ok bool) {
	if _, known := p.numbers[id]; known || !held && p.idle >= maxIdleProducers {
		return 0, false
	}
	n = p.next
	p.next++
	p.known.reach(n)
	*p.known.edit(n) = producer{id: id, last: last, file: file}
	p.numbers[id] = n
	if !held {
		p.link(n)
	}
	return n, true
}

// Producers calls each with the producers that are remembered and their last
// sequences, first those that came first. Its error ends the listing.
func (j *Journal) Producers(ctx context.Context, each func(id message.ProducerID, last int64) error) error {
	const page = 1024
	list := make([]producer, 0, page)
	for from := uint32(1); ; from += page {
		list = j.somebody(list[:0], from, page)
		if list == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range list {
			if err := each(list[i].id, list[i].last); err != nil {
				return err
			}
		}
	}
}

// somebody copies the producers that have n numbers from one on; nil is past
// the last number.
func (j *Journal) somebody(dst []producer, from, n uint32) []producer {
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	p := &j.index.producers
	if from >= p.next {
		return nil
	}
	for k := from; k < min(from+n, p.next); k++ {
		if one := p.known.at(k); !one.id.IsZero() && one.last >= 0 {
			dst = append(dst, *one)
		}
	}
	return dst
}
