package journal

import (
	"math/bits"
	"sync"
)

// placer fills a large table whose entries come in an order that has nothing
// to do with their places: one by one, each would wait for memory. It gathers
// many, and puts them into the table part by part, each of which a processor's
// cache holds. A goroutine does that while the next ones are gathered.
type placer struct {
	table   *table
	shift   int // of a slot to its part
	pending []placement
	other   []placement // the buffer that is being put, or free
	sorted  []placement
	putting sync.WaitGroup
}

// placement is an entry and the slot that it would have without others.
type placement struct {
	slot uint32
	h    handle
}

const (
	placerParts  = 256
	placerBuffer = 1 << 20
	// placerMin is the smallest table that is worth it.
	placerMin = 1 << 17
)

// newPlacer is for a table that is large enough for all that will come and is
// not used before finish.
func newPlacer(t *table) *placer {
	return &placer{table: t, shift: max(0, bits.Len(uint(len(t.slots)-1))-bits.Len(placerParts-1))}
}

func (p *placer) add(e *entry, h handle) {
	p.pending = append(p.pending, placement{uint32(hashID(e.producer, e.sequence) & uint64(len(p.table.slots)-1)), h})
	p.table.n++
	if len(p.pending) == placerBuffer {
		p.flush()
	}
}

// flush begins to put what is pending into the table.
func (p *placer) flush() {
	p.putting.Wait()
	p.pending, p.other = p.other[:0], p.pending
	p.putting.Go(p.put)
}

// finish ends the filling.
func (p *placer) finish() {
	p.flush()
	p.putting.Wait()
}

// put sorts placements by part, and carries them out.
func (p *placer) put() {
	var starts [placerParts + 1]int
	for _, m := range p.other {
		starts[m.slot>>p.shift+1]++
	}
	for i := range placerParts {
		starts[i+1] += starts[i]
	}
	if cap(p.sorted) < len(p.other) {
		p.sorted = make([]placement, len(p.other))
	}
	sorted := p.sorted[:len(p.other)]
	for _, m := range p.other {
		i := &starts[m.slot>>p.shift]
		sorted[*i] = m
		*i++
	}
	slots := p.table.slots
	mask := uint32(len(slots) - 1)
	for _, m := range sorted {
		i := m.slot
		for slots[i] != 0 {
			i = (i + 1) & mask
		}
		slots[i] = m.h
	}
}
