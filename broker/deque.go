package broker

import "github.com/conclavemq/conclave/message"

// deque holds what a consumer has in flight, in the order of delivery. A
// removal in the middle leaves a nil that is squeezed out later.
type deque struct {
	refs []*ref
	head int
	n    int // those that are not nil
}

func (d *deque) push(r *ref) {
	if d.head > 32 && d.head*2 > len(d.refs) {
		m := copy(d.refs, d.refs[d.head:])
		clear(d.refs[m:])
		d.refs, d.head = d.refs[:m], 0
	}
	d.refs = append(d.refs, r)
	d.n++
}

func (d *deque) removeAt(i int) {
	d.refs[i] = nil
	d.n--
	d.tidy()
}

// tidy keeps the gaps few.
func (d *deque) tidy() {
	for d.head < len(d.refs) && d.refs[d.head] == nil {
		d.head++
	}
	if d.n == 0 {
		d.refs, d.head = d.refs[:0], 0
	} else if len(d.refs)-d.head > 2*d.n+64 {
		d.squeeze()
	}
}

func (d *deque) squeeze() {
	kept := d.refs[:0]
	for _, r := range d.refs[d.head:] {
		if r != nil {
			kept = append(kept, r)
		}
	}
	clear(d.refs[len(kept):])
	d.refs, d.head = kept, 0
}

// index finds a message, from position from on; -1 if it is not there.
func (d *deque) index(id *message.MessageID, from int) int {
	for i := max(from, d.head); i < len(d.refs); i++ {
		if r := d.refs[i]; r != nil && sameMessage(&r.m.ID, id) {
			return i
		}
	}
	return -1
}

// remove takes out one ref.
func (d *deque) remove(r *ref) bool {
	for i := d.head; i < len(d.refs); i++ {
		if d.refs[i] == r {
			d.removeAt(i)
			return true
		}
	}
	return false
}

// sameMessage compares identities, what differs most often first.
func sameMessage(a, b *message.MessageID) bool {
	return a.ProducerSequence == b.ProducerSequence && a.Producer.Value == b.Producer.Value &&
		a.Producer.Session == b.Producer.Session && a.Producer.Connection == b.Producer.Connection
}
