package network

import (
	"maps"
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
					s.suspendLocked(b, d, d.interested)
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
		if b.ctx.Err() != nil {
			return
		}
		served, rest := b.part(d)
		if rest != nil {
			b.serial++
			rest.local.ID.Value = b.serial
			if err := b.add(rest); err != nil {
				b.fail(err)
				return
			}
		}
		s.mu.Lock()
		s.suspendLocked(b, d, served)
		s.mu.Unlock()
		b.retire(d)
	})
}

// part lists the consumers that d was made for, and makes a demand of those
// that have joined it; nil if there are none.
func (b *bridge) part(d *demand) (served map[message.ConsumerID]bool, rest *demand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	served = map[message.ConsumerID]bool{}
	again := d.again()
	for id, forced := range d.interested {
		if slices.Contains(d.local.NetworkConsumerPath, id) {
			served[id] = forced
			continue
		}
		again.interested[id] = forced
	}
	for subscriber := range d.subscribers {
		again.subscribers[subscriber] = true
	}
	if again.static = d.static; len(again.interested) == 0 && len(again.subscribers) == 0 && !again.static {
		return served, nil
	}
	again.local.NetworkConsumerPath = slices.Collect(maps.Keys(again.interested))
	return served, again
}

// again is another demand of the same kind, for nobody yet.
func (d *demand) again() *demand {
	x := newDemand()
	x.local, x.proxied, x.durable = d.local, d.proxied, d.durable
	x.direct.Store(d.direct.Load())
	return x
}

// suspendLocked keeps d for when nobody serves one of its consumers better.
func (s *shared) suspendLocked(b *bridge, d *demand, consumers map[message.ConsumerID]bool) {
	for id, forced := range consumers {
		again := d.again()
		again.interested[id] = forced
		s.waiting[id] = append(s.waiting[id], claim{b, again})
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
