package journal

import "slices"

const (
	pageShift = 11
	pageSize  = 1 << pageShift
)

// pages is a growing array whose parts can be frozen: whoever has a frozen
// view of it goes on reading what was there, while what is edited is copied
// first, a page at a time. Reading a view needs no lock.
type pages[T any] struct {
	chunks [][]T
	shared []bool // pages that a view has, too; nil without a view
}

// at returns element i, for reading.
func (p *pages[T]) at(i uint32) *T { return &p.chunks[i>>pageShift][i&(pageSize-1)] }

// edit returns element i, for writing.
func (p *pages[T]) edit(i uint32) *T {
	if c := int(i >> pageShift); c < len(p.shared) && p.shared[c] {
		p.chunks[c] = slices.Clone(p.chunks[c])
		p.shared[c] = false
	}
	return &p.chunks[i>>pageShift][i&(pageSize-1)]
}

// reach makes room for element i, which is at most one page further than what
// there is.
func (p *pages[T]) reach(i uint32) {
	if int(i>>pageShift) == len(p.chunks) {
		p.chunks = append(p.chunks, make([]T, pageSize))
	}
}

// freeze returns a view of what is there. There is one view at a time.
func (p *pages[T]) freeze() pages[T] {
	p.shared = make([]bool, len(p.chunks))
	for i := range p.shared {
		p.shared[i] = true
	}
	return pages[T]{chunks: slices.Clone(p.chunks)}
}

// melt gives up the view.
func (p *pages[T]) melt() { p.shared = nil }
