package network

import (
	"slices"

	"github.com/conclavemq/conclave/message"
)

// suppressed is a consumer that b has been told of and does not serve, because
// another bridge does, or because b still serves it in another way, which ends.
type suppressed struct {
	bridge *bridge
	info   *message.ConsumerInfo // as demand takes it; never changes
}

// suspendLocked keeps consumers for when nobody serves them better.
func (s *shared) suspendLocked(b *bridge, consumers ...*message.ConsumerInfo) {
	for _, info := range consumers {
		s.waiting[info.ID] = append(s.waiting[info.ID], suppressed{b, info})
	}
}

func (s *shared) suspend(b *bridge, consumers ...*message.ConsumerInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspendLocked(b, consumers...)
}

// wake has those served that a condition holds for, unless they have to wait
// again.
func (s *shared) wake(due func(suppressed) bool) {
	var next []suppressed
	s.mu.Lock()
	for _, list := range s.waiting {
		for _, x := range list {
			if due(x) {
				next = append(next, x)
			}
		}
	}
	s.mu.Unlock()
	for _, x := range next {
		x.bridge.chore.add(func() { x.bridge.revive(x) })
	}
}

// take reports whether x waits, and takes it out.
func (s *shared) take(x suppressed) (found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropLocked(x.info.ID, func(o suppressed) bool {
		if o != x {
			return false
		}
		found = true
		return true
	})
	return found
}

// drop takes out those that a condition holds for.
func (s *shared) drop(over func(suppressed) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.waiting {
		s.dropLocked(id, over)
	}
}

func (s *shared) dropLocked(id message.ConsumerID, over func(suppressed) bool) {
	list, ok := s.waiting[id]
	if !ok {
		return
	}
	if list = slices.DeleteFunc(list, over); len(list) == 0 {
		delete(s.waiting, id)
	} else {
		s.waiting[id] = list
	}
}

// forget drops a consumer that b says is gone.
func (s *shared) forget(b *bridge, id message.ConsumerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropLocked(id, func(x suppressed) bool { return x.bridge == b })
}

// abandon drops all that waits of a bridge that ends.
func (s *shared) abandon(b *bridge) {
	s.drop(func(x suppressed) bool { return x.bridge == b })
}

// unsubscribed drops a durable subscriber that b says is gone.
func (s *shared) unsubscribed(b *bridge, gone subscriber) {
	s.drop(func(x suppressed) bool {
		return x.bridge == b && x.info.Durable() && b.subscriberOf(x.info).is(gone)
	})
}

// revive serves a consumer that was suppressed, if it is still there.
func (b *bridge) revive(x suppressed) {
	b.changing.Lock()
	defer b.changing.Unlock()
	if b.ctx.Err() != nil || !b.net.shared.take(x) {
		return
	}
	if err := b.demand(x.info); err != nil {
		b.fail(err)
	}
}

// told is a consumer as demand was told of it.
func (d *demand) told(id message.ConsumerID) *message.ConsumerInfo {
	if d.remote != nil && d.remote.ID == id {
		return d.remote
	}
	info := d.local
	info.ID, info.NetworkConsumerPath = id, []message.ConsumerID{id}
	info.NetworkSubscription, info.SubscriptionName = d.proxied, ""
	return &info
}

// clients lists the consumers that d was made for. A claim that fails suspends
// them.
func (d *demand) clients() (list []*message.ConsumerInfo) {
	if d.remote != nil {
		return []*message.ConsumerInfo{d.remote}
	}
	for id := range d.interested {
		list = append(list, d.told(id))
	}
	return list
}
