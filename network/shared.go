package network

import (
	"slices"
	"sync"

	"github.com/conclavemq/conclave/message"
)

// shared is what the bridges of one broker know of each other: which of them
// serve a consumer, so that in a network with several ways to it only one way
// is used, the shortest. (ActiveMQ: duplicateSuppressionIsRequired; a
// subscription that was suppressed is forgotten there, and missing when the
// other way breaks)
type shared struct {
	mu      sync.Mutex
	serving map[message.ConsumerID][]claim // mu
	waiting map[message.ConsumerID][]claim // mu; suppressed; filed under the consumer that the bridge was told of
}

type claim struct {
	bridge *bridge
	demand *demand
}

func (s *shared) init() {
	s.serving, s.waiting = map[message.ConsumerID][]claim{}, map[message.ConsumerID][]claim{}
}

// claim reports whether b is to subscribe for d. If d is the better one, the
// others end.
func (s *shared) claim(b *bridge, d *demand) bool {
	suppress := b.config.SuppressDuplicateTopicSubscriptions
	if d.local.Destination.Kind.IsQueue() {
		suppress = b.config.SuppressDuplicateQueueSubscriptions
	}
	s.mu.Lock()
	var worse []claim
	if suppress {
		for _, id := range d.local.NetworkConsumerPath {
			for _, o := range s.serving[id] {
				if o.demand == d || o.demand.local.Destination.Kind != d.local.Destination.Kind {
					continue
				}
				if o.demand.local.Priority >= d.local.Priority && o.bridge != b {
					s.suspendLocked(b, d)
					s.mu.Unlock()
					return false
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
	s.mu.Unlock()
	for _, o := range worse {
		s.displace(o)
	}
	return true
}

// displace ends a subscription that another bridge serves better; it comes back
// when that one has gone.
func (s *shared) displace(o claim) {
	o.bridge.chore.add(func() {
		s.mu.Lock()
		s.suspendLocked(o.bridge, o.demand)
		s.mu.Unlock()
		o.bridge.retire(o.demand)
	})
}

// suspendLocked keeps d for when nobody serves its consumers better. One that
// had more consumers than the one it began with comes back for that one.
func (s *shared) suspendLocked(b *bridge, d *demand) {
	for id := range d.interested {
		again := newDemand()
		again.local, again.proxied, again.durable = d.local, d.proxied, d.durable
		again.direct.Store(d.direct.Load())
		again.interested[id] = d.interested[id]
		s.waiting[id] = append(s.waiting[id], claim{b, again})
		return
	}
}

// remove ends a claim, and lets others take its place.
func (s *shared) remove(d *demand) {
	s.mu.Lock()
	for _, id := range d.local.NetworkConsumerPath {
		rest := slices.DeleteFunc(s.serving[id], func(o claim) bool { return o.demand == d })
		if len(rest) == 0 {
			delete(s.serving, id)
		} else {
			s.serving[id] = rest
		}
	}
	var next []claim
	if len(s.waiting) > 0 {
		for id, list := range s.waiting {
			var rest []claim
			for _, o := range list {
				if overlap(o.demand.local.NetworkConsumerPath, d.local.NetworkConsumerPath) {
					next = append(next, o)
				} else {
					rest = append(rest, o)
				}
			}
			if rest == nil {
				delete(s.waiting, id)
			} else {
				s.waiting[id] = rest
			}
		}
	}
	s.mu.Unlock()
	for _, o := range next {
		o.bridge.chore.add(func() { o.bridge.revive(o.demand) })
	}
}

func overlap(a, b []message.ConsumerID) bool {
	return slices.ContainsFunc(a, func(id message.ConsumerID) bool { return slices.Contains(b, id) })
}

// forget drops what waits for a consumer that b says is gone.
func (s *shared) forget(b *bridge, id message.ConsumerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropLocked(b, id)
}

func (s *shared) dropLocked(b *bridge, id message.ConsumerID) {
	list, ok := s.waiting[id]
	if !ok {
		return
	}
	if list = slices.DeleteFunc(list, func(o claim) bool { return o.bridge == b }); len(list) == 0 {
		delete(s.waiting, id)
	} else {
		s.waiting[id] = list
	}
}

// abandon drops all that waits of a bridge that ends.
func (s *shared) abandon(b *bridge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.waiting {
		s.dropLocked(b, id)
	}
}

// revive subscribes for what was suppressed.
func (b *bridge) revive(d *demand) {
	b.changing.Lock()
	defer b.changing.Unlock()
	if b.ctx.Err() != nil {
		return
	}
	b.serial++
	d.local.ID.Value = b.serial
	if err := b.add(d); err != nil {
		b.fail(err)
	}
}
