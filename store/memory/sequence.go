package memory

import (
	"iter"
	"slices"

	"github.com/conclavemq/conclave/store"
)

// sequence is an ordered set of positions: pushed at its end, removed
// anywhere. A removed position stays as a gap until gaps are the greater part.
type sequence struct {
	slots []slot
	live  int
}

type slot struct {
	seq  store.Seq
	gone bool
}

// push adds seq, which is higher than all before.
func (q *sequence) push(seq store.Seq) {
	q.slots = append(q.slots, slot{seq: seq})
	q.live++
}

func (q *sequence) index(seq store.Seq) (int, bool) {
	return slices.BinarySearchFunc(q.slots, seq, func(s slot, seq store.Seq) int {
		switch {
		case s.seq < seq:
			return -1
		case s.seq > seq:
			return 1
		}
		return 0
	})
}

// remove reports whether seq was there.
func (q *sequence) remove(seq store.Seq) bool {
	i, ok := q.index(seq)
	if !ok || q.slots[i].gone {
		return false
	}
	q.slots[i].gone = true
	q.live--
	if len(q.slots) > 2*q.live+32 {
		q.slots = slices.DeleteFunc(q.slots, func(s slot) bool { return s.gone })
	}
	return true
}

// after yields the positions higher than seq, in order. The sequence must not
// change meanwhile.
func (q *sequence) after(seq store.Seq) iter.Seq[store.Seq] {
	return func(yield func(store.Seq) bool) {
		start, _ := q.index(seq + 1)
		for _, s := range q.slots[start:] {
			if !s.gone && !yield(s.seq) {
				return
			}
		}
	}
}
