package network

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
)

// shared is what the bridges of one broker know of each other: which of them
// serve a consumer, so that in a network with several ways to it only one way
// is used, the shortest. (ActiveMQ: duplicateSuppressionIsRequired; a
// subscription that was suppressed is forgotten there, and missing when the
// other way breaks)
type shared struct {
	mu      sync.Mutex
	serving map[message.ConsumerID][]claim      // mu
	waiting map[message.ConsumerID][]suppressed // mu; filed under the consumer that the bridge was told of
}

type claim struct {
	bridge *bridge
	demand *demand
}

func (s *shared) init() {
	s.serving, s.waiting = map[message.ConsumerID][]claim{}, map[message.ConsumerID][]suppressed{}
}

// claim reports whether b is to subscribe for d. If d is the better one, the
// others are returned: they are to end when d is served.
func (s *shared) claim(b *bridge, d *demand) (worse []claim, ok bool) {
	suppress := b.config.SuppressDuplicateTopicSubscriptions
	if d.local.Destination.Kind.IsQueue() {
		suppress = b.config.SuppressDuplicateQueueSubscriptions
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if suppress {
		for _, id := range d.local.NetworkConsumerPath {
			for _, o := range s.serving[id] {
				if o.demand == d || o.demand.local.Destination.Kind != d.local.Destination.Kind {
					continue
				}
				if o.demand.local.Priority >= d.local.Priority && o.bridge != b {
					s.suspendLocked(b, d.clients()...)
					return nil, false
				}
				if o.bridge != b && !slices.Contains(worse, o) {
					worse = append(worse, o)
				}
			}
		}
	}
	for _, id := range d.local.NetworkConsumerPath {
		s.serving[id] = append(s.serving[id], claim{b, d})
	}
	return worse, true
}

// displace ends a subscription that another bridge serves better; it comes back
// when that one has gone. Consumers that have joined it and that the other does
// not serve get one of their own first.
func (s *shared) displace(o claim) {
	o.bridge.chore.add(func() {
		b, d := o.bridge, o.demand
		b.changing.Lock()
		defer b.changing.Unlock()
		switch {
		case b.ctx.Err() != nil:
		case d.durable:
			b.giveWay(d)
		default:
			b.giveUp(d)
		}
	})
}

// giveUp is displace for a subscription that keeps nothing.
func (b *bridge) giveUp(d *demand) {
	served, rest := b.part(d)
	if rest != nil {
		b.serial++
		rest.local.ID.Value = b.serial
		if _, err := b.add(rest); err != nil {
			b.fail(err)
			return
		}
	}
	b.net.shared.suspend(b, served...)
	b.retire(d)
}

// part lists the consumers that d was made for, and makes a demand of those
// that have joined it; nil if there are none.
func (b *bridge) part(d *demand) (served []*message.ConsumerInfo, rest *demand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	again := newDemand()
	again.local, again.proxied, again.static = d.local, d.proxied, d.static
	again.direct.Store(d.direct.Load())
	for id, forced := range d.interested {
		if slices.Contains(d.local.NetworkConsumerPath, id) {
			served = append(served, d.told(id))
			continue
		}
		again.interested[id] = forced
	}
	if len(again.interested) == 0 && !again.static {
		return served, nil
	}
	again.local.NetworkConsumerPath = slices.Collect(maps.Keys(again.interested))
	return served, again
}

// giveWay is displace for a durable subscription. It stays if other subscribers
// have joined it. Else it takes nothing more, and ends when what it holds has
// been passed on: the better one has that only which has come since it began.
func (b *bridge) giveWay(d *demand) {
	b.mu.Lock()
	if b.demands.byLocal[d.local.ID] != d || d.retiring || d.draining || d.remote == nil {
		b.mu.Unlock()
		return
	}
	delete(d.subscribers, b.subscriberOf(d.remote))
	b.demands.part(d, d.remote.ID)
	d.draining = d.unwanted()
	if d.draining {
		b.demands.hide(d)
	}
	draining := d.draining
	b.mu.Unlock()
	b.net.shared.release(d)
	b.net.shared.suspend(b, d.remote)
	if !draining {
		return
	}
	err := b.local.Drain(d.local.ID, func() { b.chore.add(func() { b.drop(d) }) })
	if err != nil && !errors.Is(err, broker.ErrClosed) {
		b.note(fmt.Errorf("end subscription of %s: %w", d.local.Destination, err))
	}
}

// remove ends a claim, and lets others take its place.
func (s *shared) remove(d *demand) {
	s.release(d)
	s.wake(func(x suppressed) bool { return overlap(x.info.NetworkConsumerPath, d.local.NetworkConsumerPath) })
}

// release ends a claim.
func (s *shared) release(d *demand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range d.local.NetworkConsumerPath {
		rest := slices.DeleteFunc(s.serving[id], func(o claim) bool { return o.demand == d })
		if len(rest) == 0 {
			delete(s.serving, id)
		} else {
			s.serving[id] = rest
		}
	}
}

func overlap(a, b []message.ConsumerID) bool {
	return slices.ContainsFunc(a, func(id message.ConsumerID) bool { return slices.Contains(b, id) })
}
