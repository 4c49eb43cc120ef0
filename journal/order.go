package journal

import "slices"

// order is a set of entries in the order of their seq, pushed at its end and
// removed anywhere: blocks of handles, each sorted and none empty.
type order struct {
	blocks [][]handle
	n      int
}

const (
	blockSize  = 512
	sparseSize = blockSize / 8 // a block below this joins its neighbour
)

// push adds an entry whose seq is higher than all before.
func (o *order) push(h handle) {
	o.n++
	last := len(o.blocks) - 1
	if last < 0 || len(o.blocks[last]) >= blockSize {
		o.blocks = append(o.blocks, append(make([]handle, 0, 8), h))
		return
	}
	o.blocks[last] = append(o.blocks[last], h)
}

// search returns the place of the first entry with at least seq; the block is
// len(blocks) if there is none.
func (o *order) search(s *slab, seq uint64) (block, i int) {
	low, high := 0, len(o.blocks)
	for low < high {
		mid := int(uint(low+high) >> 1)
		b := o.blocks[mid]
		if s.get(b[len(b)-1]).seq < seq {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == len(o.blocks) {
		return low, 0
	}
	b := o.blocks[low]
	first, end := 0, len(b)
	for first < end {
		mid := int(uint(first+end) >> 1)
		if s.get(b[mid]).seq < seq {
			first = mid + 1
		} else {
			end = mid
		}
	}
	return low, first
}

// find returns the entry with seq, or 0.
func (o *order) find(s *slab, seq uint64) handle {
	block, i := o.search(s, seq)
	if block == len(o.blocks) {
		return 0
	}
	if h := o.blocks[block][i]; s.get(h).seq == seq {
		return h
	}
	return 0
}

// remove takes out the entry with seq and reports whether it was there.
func (o *order) remove(s *slab, seq uint64) bool {
	block, i := o.search(s, seq)
	if block == len(o.blocks) {
		return false
	}
	b := o.blocks[block]
	if s.get(b[i]).seq != seq {
		return false
	}
	o.n--
	switch {
	case i == 0:
		b = b[1:]
	case s.frozen: // a view has the block
		b = slices.Concat(b[:i], b[i+1:])
	default:
		b = append(b[:i], b[i+1:]...)
	}
	o.blocks[block] = b
	o.shrink(block)
	return true
}

// shrink drops an empty block and joins a sparse one with the next.
func (o *order) shrink(block int) {
	b := o.blocks[block]
	switch {
	case len(b) == 0 && block == 0:
		o.blocks[0] = nil
		if o.blocks = o.blocks[1:]; len(o.blocks) == 0 {
			o.blocks = nil
		}
	case len(b) == 0:
		o.blocks = slices.Delete(o.blocks, block, block+1)
	case len(b) < sparseSize && block+1 < len(o.blocks) && len(b)+len(o.blocks[block+1]) <= blockSize/2:
		joined := append(append(make([]handle, 0, blockSize/2), b...), o.blocks[block+1]...)
		o.blocks[block] = joined
		o.blocks = slices.Delete(o.blocks, block+1, block+2)
	}
}

// after calls visit for the entries with a higher seq, in order, until it
// returns false.
func (o *order) after(s *slab, seq uint64, visit func(handle) bool) {
	block, i := o.search(s, seq+1)
	for ; block < len(o.blocks); block, i = block+1, 0 {
		for _, h := range o.blocks[block][i:] {
			if !visit(h) {
				return
			}
		}
	}
}
