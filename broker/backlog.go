package broker

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// waiter is a message that waits for a subscriber.
type waiter struct {
	m     *message.Message
	topic *topic
	share *share
	key   any // what UniqueProperty compares; nil none
}

// backlog is what waits for a subscriber, in the order of delivery: the oldest
// first, or, with priorities, the oldest of the highest.
type backlog struct {
	rings  []ring // by falling priority, or one
	n      int
	mortal int // those that can expire
}

// newBacklog makes a backlog, with priorities or without. (ActiveMQ:
// PrioritizedPendingList, OrderedPendingList)
func newBacklog(prioritized bool) backlog {
	if prioritized {
		return backlog{rings: make([]ring, store.Priorities)}
	}
	return backlog{rings: make([]ring, 1)}
}

func (q *backlog) prioritized() bool { return len(q.rings) > 1 }

func (q *backlog) push(w waiter) {
	r := &q.rings[0]
	if q.prioritized() {
		r = &q.rings[store.Priorities-1-int(store.Priority(w.m))]
	}
	r.push(w)
	q.n++
	if w.m.Expiration > 0 {
		q.mortal++
	}
}

// find is where the i-th lies.
func (q *backlog) find(i int) (*ring, int) {
	k := 0
	for i >= q.rings[k].n {
		i -= q.rings[k].n
		k++
	}
	return &q.rings[k], i
}

// at is the i-th.
func (q *backlog) at(i int) *waiter {
	r, i := q.find(i)
	return r.at(i)
}

func (q *backlog) pop() waiter { return q.remove(0) }

// remove takes the i-th out.
func (q *backlog) remove(i int) waiter {
	r, i := q.find(i)
	w := r.remove(i)
	q.n--
	if w.m.Expiration > 0 {
		q.mortal--
	}
	return w
}

// least is the oldest, or, with priorities, the oldest of the lowest. There
// must be one.
func (q *backlog) least() int {
	i := q.n
	for k := len(q.rings) - 1; ; k-- {
		if i -= q.rings[k].n; q.rings[k].n > 0 {
			return i
		}
	}
}

// ring is waiters as they came.
type ring struct {
	list []waiter
	head int
	n    int
}

func (r *ring) push(w waiter) {
	if r.n == len(r.list) {
		grown := make([]waiter, max(16, 2*len(r.list)))
		for i := range r.n {
			grown[i] = *r.at(i)
		}
		r.list, r.head = grown, 0
	}
	r.n++
	*r.at(r.n - 1) = w
}

// at is the i-th oldest.
func (r *ring) at(i int) *waiter {
	if i += r.head; i >= len(r.list) {
		i -= len(r.list)
	}
	return &r.list[i]
}

// remove takes the i-th oldest out.
func (r *ring) remove(i int) waiter {
	w := *r.at(i)
	for ; i > 0; i-- {
		*r.at(i) = *r.at(i - 1)
	}
	*r.at(0) = waiter{}
	if r.head++; r.head == len(r.list) {
		r.head = 0
	}
	if r.n--; r.n == 0 && len(r.list) > 1024 {
		r.list, r.head = nil, 0
	}
	return w
}

// mark remembers one delivery.
type mark struct {
	id uint64 // see identity; 0 of one that was acknowledged
	t  *topic
}

// marks are the deliveries that were not acknowledged, in order. (ActiveMQ:
// TopicSubscription.dispatched)
type marks struct {
	list []mark
	head int
	n    int
}

// identity is a hash of a message's id, never 0.
func identity(id *message.MessageID) uint64 {
	h := uint64(id.ProducerSequence)*0x9e3779b97f4a7c15 ^ uint64(id.Producer.Value)*0xc2b2ae3d27d4eb4f ^ uint64(id.Producer.Session)*0x165667b19e3779f9
	return h | 1<<63
}

func (k *marks) push(m *message.Message, t *topic) {
	if k.head > 32 && 2*k.head > len(k.list) {
		n := copy(k.list, k.list[k.head:])
		clear(k.list[n:])
		k.list, k.head = k.list[:n], 0
	}
	k.list = append(k.list, mark{identity(&m.ID), t})
	k.n++
}

// find is the position of a message, from position from on; -1 none.
func (k *marks) find(id *message.MessageID, from int) int {
	h := identity(id)
	for i := max(from, k.head); i < len(k.list); i++ {
		if k.list[i].id == h {
			return i
		}
	}
	return -1
}

// span finds what an acknowledgement covers, both ends included; from > to is
// nothing. A null first means the oldest, or the last alone where one message
// is acknowledged. A range whose end was never delivered has as many messages
// as the client says.
func (k *marks) span(a *message.Ack) (from, to int) {
	switch {
	case a.Type == message.IndividualAck, a.First.IsZero() && a.Count == 1:
		from = k.find(&a.Last, 0)
		if from < 0 {
			return 0, -1
		}
		return from, from
	case a.First.IsZero():
		from = k.head
	default:
		if from = k.find(&a.First, 0); from < 0 {
			return 0, -1
		}
	}
	if to = k.find(&a.Last, from); to >= 0 {
		return from, to
	}
	if a.First.IsZero() {
		return 0, -1
	}
	return from, min(from+max(int(a.Count), 0), len(k.list)) - 1
}

// remove takes what a covers out, and calls each with how much of it came from
// a topic, perhaps more than once.
func (k *marks) remove(a *message.Ack, each func(t *topic, n int64)) (count int) {
	from, to := k.span(a)
	if from <= to {
		count = tally(k.list[from:to+1], each)
		clear(k.list[from : to+1])
	}
	k.n -= count
	for k.head < len(k.list) && k.list[k.head].id == 0 {
		k.head++
	}
	if k.n == 0 {
		k.head = 0
		if k.list = k.list[:0]; cap(k.list) > 4096 {
			k.list = nil
		}
	}
	return count
}

// tally counts the marks of what was not acknowledged, and calls each
// with how many there are of a topic in a row.
func tally(list []mark, each func(t *topic, n int64)) (count int) {
	run, t := 0, (*topic)(nil)
	for i := range list {
		if list[i].id == 0 {
			continue
		}
		if list[i].t != t && run > 0 {
			each(t, int64(run))
			run = 0
		}
		t = list[i].t
		run++
		count++
	}
	if run > 0 {
		each(t, int64(run))
	}
	return count
}
