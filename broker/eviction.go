package broker

import (
	"reflect"

	"github.com/conclavemq/conclave/message"
)

// candidates is how many of the oldest messages a rule chooses from.
// (ActiveMQ: TopicSubscription.add)
const candidates = 1000

// keyOf is what UniqueProperty compares of a message; nil where it has
// nothing.
func (e *Eviction) keyOf(m *message.Message) any {
	if e.By != UniqueProperty || e.Property == "" {
		return nil
	}
	v, ok, err := m.Property(e.Property)
	if err != nil || !ok || v == nil || !reflect.TypeOf(v).Comparable() {
		return nil
	}
	return v
}

// evict takes those messages out of q that have to go so that fewer wait,
// excess of them or more: one, or several with UniqueProperty. With priorities
// the oldest of the lowest goes, where ActiveMQ lets the highest go.
func (e *Eviction) evict(q *backlog, excess int, gone []waiter) []waiter {
	n := min(q.n, max(candidates, excess))
	switch e.By {
	case LowestPriority:
		if q.prioritized() {
			break
		}
		lowest := 0
		for i := 1; i < n && q.at(lowest).m.Priority > 0; i++ {
			if q.at(i).m.Priority < q.at(lowest).m.Priority {
				lowest = i
			}
		}
		return append(gone, q.remove(lowest))
	case UniqueProperty:
		return e.evictRepeated(q, n, gone)
	}
	return append(gone, q.remove(q.least()))
}

// evictRepeated leaves, of the n oldest, the newest of each value of the
// property; only the oldest goes if no two have the same, or none has one.
func (e *Eviction) evictRepeated(q *backlog, n int, gone []waiter) []waiter {
	newest := make(map[any]*message.Message, 16)
	for i := range n {
		w := q.at(i)
		if w.key == nil {
			continue
		}
		if old := newest[w.key]; old == nil || w.m.Timestamp > old.Timestamp {
			newest[w.key] = w.m
		}
	}
	if len(newest) == 0 || len(newest) == n {
		return append(gone, q.remove(q.least()))
	}
	for i, left := 0, n; left > 0; left-- {
		if w := q.at(i); w.key != nil && newest[w.key] == w.m {
			i++
		} else {
			gone = append(gone, q.remove(i))
		}
	}
	return gone
}

// removeExpired takes expired messages out of q.
func removeExpired(q *backlog, now int64, expired []waiter) []waiter {
	for i := 0; i < q.n && q.mortal > 0; {
		if w := q.at(i); w.m.Expiration > 0 && w.m.Expired(now) {
			expired = append(expired, q.remove(i))
		} else {
			i++
		}
	}
	return expired
}
