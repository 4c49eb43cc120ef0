package broker

import (
	"context"
	"fmt"
	"sync"

	"github.com/conclavemq/conclave/message"
)

// What a topic's messages do where several ways lead to a broker, as in a ring:
// each takes all of them, and the copy that comes first counts. So nothing is
// missing when a way breaks, and nobody waits for a slow one.
//
// Each way keeps its order, and brings all messages of a producer but those
// that are here already: a broker does not send one to where it has been. So
// whichever way brings a message first, those that were sent before it have
// come before, by that way or another. What is left to do is not to let a
// message that another connection brings pass one that was taken for new and
// has no place in the log yet; that is what entering is for. (ActiveMQ leaves it
// to the audits of its subscriptions to drop the copies, in no such order.) A way
// that is new, or comes back, brings less than all; then messages that are under
// way on another may come behind later ones. So they may where the disk is full:
// each connection waits for space by itself.
//
// That a broker passes on nothing that the sender's broker sends to the same
// place itself would spare the copies. But then what is under way is lost when
// that way breaks, unless the subscription is durable.
//
// A copy may come first that has taken a longer way than a later one, and has
// made too many hops to go on. The later one goes on to those brokers alone
// that the first was not passed on to; see bypass.

// entering has the messages of a topic go from bridges into the log one at a
// time.
type entering struct {
	mu    sync.Mutex
	turns map[message.Destination]*turn // mu; of the topics that messages are entering just now
}

type turn struct {
	held  chan struct{} // capacity 1
	users int           // mu of entering
}

// enter waits for the turn of a topic, which leave ends. Queues have none.
func (e *entering) enter(ctx context.Context, dest message.Destination) (leave func(), err error) {
	if !dest.Kind.IsTopic() {
		return func() {}, nil
	}
	t := e.join(dest)
	select {
	case t.held <- struct{}{}:
		return func() {
			<-t.held
			e.part(dest, t)
		}, nil
	case <-ctx.Done():
		e.part(dest, t)
		return nil, fmt.Errorf("%w: %w", ErrClosed, context.Cause(ctx))
	}
}

func (e *entering) join(dest message.Destination) *turn {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.turns[dest]
	if t == nil {
		if e.turns == nil {
			e.turns = map[message.Destination]*turn{}
		}
		t = &turn{held: make(chan struct{}, 1)}
		e.turns[dest] = t
	}
	t.users++
	return t
}

func (e *entering) part(dest message.Destination, t *turn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(e.turns, dest)
	}
}

// passes notes a message that is not persistent, and reports whether it is new
// here.
func (d *dispatch) passes(way landing) (x digest, fresh bool) {
	a, m := &d.c.b.bridged, d.m
	any := landing{hops: anyHops}.transient(m.Destination, m)
	if !m.Destination.Kind.IsTopic() {
		x = way.transient(m.Destination, m)
		return x, !a.passing.has(any) && a.passing.add(x)
	}
	before, known := a.passing.note(any, way.hops)
	if known && before > way.hops {
		d.bypass(before)
	}
	return any, !known
}

// bypass passes on what has come by a shorter way than the copy that counts,
// which had made first hops: to the bridges that did not take that one for
// having come too far. Durable subscriptions of bridges are not served: what
// they do not pass on is acknowledged.
func (d *dispatch) bypass(first int) {
	t, ok := d.first.(*topic)
	if !ok || d.more != nil {
		return
	}
	d.m.ID.BrokerSequence = d.c.b.sequence.Add(1)
	for _, l := range *t.subscribers.Load() {
		s, ok := l.(*subscriber)
		if !ok || s.forward == nil || s.forward.MessageTTL < 0 || first < s.forward.MessageTTL {
			continue
		}
		t.whisper(s, d.m)
	}
}
