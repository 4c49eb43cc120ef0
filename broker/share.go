package broker

import (
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
)

// share counts a message's memory once, however many subscribers keep it.
type share struct {
	usage *usage
	size  int64
	late  *notice      // of the one who publishes; see tell
	refs  atomic.Int32 // from first keep to last drop
	// buried: one of the subscribers has made a dead letter of it.
	buried atomic.Bool
}

// keep begins to count.
func (s *share) keep() {
	if s.refs.Add(1) == 1 {
		s.usage.add(s.size)
	}
}

func (s *share) drop() {
	if s.refs.Add(-1) == 0 {
		s.usage.release(s.size)
	}
}

// fate is what became of a message that was not delivered to a subscriber.
type fate uint8

const (
	turnedSlow fate = iota // none: the subscriber has turned slow
	dropped                // it may keep nothing waiting
	evicted                // too many waited
	expired                // it waited too long
)

// notice is a call of one of the above that waits until no lock is held.
type notice struct {
	s     subscription
	p     *place
	m     *message.Message
	share *share // holds the memory of m until the notice is given; nil none
	fate  fate
	again bool // another subscriber has buried m
	next  *notice
}

// note keeps a notice until the message has been to all subscribers.
func (s *share) note(n notice) {
	n.next = s.late
	s.late = &n
}

// join takes the notices of o over.
func (s *share) join(o *share) {
	if o.late == nil {
		return
	}
	last := o.late
	for last.next != nil {
		last = last.next
	}
	last.next, s.late, o.late = s.late, o.late, nil
}

// tell gives the notices that were kept. Only who calls hear calls it.
func (s *share) tell(b *Broker) {
	if s.late == nil {
		return
	}
	var first *notice
	for n := s.late; n != nil; {
		next := n.next
		n.next, first, n = first, n, next
	}
	s.late = nil
	for n := first; n != nil; n = n.next {
		b.give(n)
	}
}

func (b *Broker) give(n *notice) {
	release := func(error) {
		if n.share != nil {
			n.share.drop()
		}
	}
	switch n.fate {
	case turnedSlow:
		b.becameSlow(n.s, n.p)
	case dropped, evicted:
		b.discarded(n.s, n.p, n.m)
	}
	switch {
	case n.fate == evicted && !n.again:
		b.buryEvicted(n, release)
	case n.fate == expired && !n.again:
		b.expireArrival(n.p, n.m, release)
	default:
		if n.fate == expired {
			n.p.stats.expired.Add(1)
		}
		release(nil)
	}
}

// buryEvicted makes a dead letter of a message that was discarded, as the
// strategy says: with the default one, of a persistent message. It counts as
// memory until it is stored, so that producers wait if the store is slower
// than they are. (ActiveMQ: TopicSubscription.discard)
func (b *Broker) buryEvicted(n *notice, done func(error)) {
	u := newBatch(b)
	u.addLetter(n.p, n.m, "java.lang.Throwable: TopicSubDiscard. ID:"+n.s.details().ID.String(), false, nil)
	u.commit(0, message.TransactionID{}, true, done)
}
