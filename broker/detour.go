package broker

import (
	"context"
	"fmt"
	"hash/maphash"

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
// has no place in the log yet; that is what entering is for. A way that is new,
// or comes back, brings less than all; then messages that are under way on
// another may come behind later ones.
//
// A copy may come first that has taken a longer way than a later one, and has
// made too many hops to go on. The later one goes on to those brokers alone
// that the first was not passed on to; see bypass.

// entering has the messages of one topic, and of those that share its turn, go
// from bridges into the log one at a time.
type entering struct {
	seed  maphash.Seed
	turns [32]chan struct{} // capacity 1 each
}

func (e *entering) init() {
	e.seed = maphash.MakeSeed()
	for i := range e.turns {
		e.turns[i] = make(chan struct{}, 1)
	}
}

// enter waits for the turn of a topic, which leave ends. Queues have none.
func (a *bridged) enter(ctx context.Context, dest message.Destination) (leave func(), err error) {
	if !dest.Kind.IsTopic() {
		return func() {}, nil
	}
	turn := a.entering.turns[maphash.String(a.entering.seed, dest.Name)%uint64(len(a.entering.turns))]
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrClosed, context.Cause(ctx))
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
