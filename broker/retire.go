package broker

import (
	"errors"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// A destination is removed while sends to it may be on their way. What has
// begun its way to the store (adds) when a removal begins (retired) keeps an
// idle destination from being removed; what begins later goes to the
// destination that then takes its place. Both sides write first and look then,
// so that one of them sees the other. The removal is appended under the
// registry's lock, so that nothing is added to the successor before it.

// use says what keeps a destination from being removed.
type use uint8

const (
	nothing   use = iota // it is removed whatever happens
	consumers            // consumers alone; its messages go with it
	anything             // consumers, producers, messages, sends
)

// begin says that an Add is about to be appended; false if the destination is
// being removed.
func (p *place) begin() bool {
	p.adds.Add(1)
	if p.retired.Load() {
		p.adds.Add(-1)
		return false
	}
	return true
}

// successor returns the destination that takes the place of t, which is being
// removed.
func (b *Broker) successor(t target) (target, error) {
	return b.ensure(t.base().dest)
}

// sendOn is send for a destination that is being removed.
func (b *Broker) sendOn(t target, m *message.Message, sync bool, done func(error)) {
	next, err := b.successor(t)
	if err != nil {
		done(err)
		return
	}
	next.send(m, sync, done)
}

// announced announces an Add to t, or to what takes its place, and returns
// which.
func (b *Broker) announced(t target) target {
	next, err := b.announce(t)
	if err != nil {
		b.log.Warn("message for a destination that cannot be created again", "destination", t.base().dest.String(), "error", err)
		return t
	}
	return next
}

// announce is announced for those who can do without.
func (b *Broker) announce(t target) (target, error) {
	for !t.announce() {
		next, err := b.successor(t)
		if err != nil {
			return nil, err
		}
		t = next
	}
	return t, nil
}

// arriveLate is for a message that is not stored and that was on its way when
// its destination was removed.
func (b *Broker) arriveLate(t target, m *message.Message) {
	p := t.base()
	if !p.dest.Kind.IsTemporary() && !p.dest.IsAdvisory() {
		if next, err := b.successor(t); err == nil {
			next.arrive(m, nil)
			return
		}
	}
	p.stats.discarded.Add(1)
}

// retire takes t out of the registry and of the store, unless it is in use.
// done may be nil.
func (b *Broker) retire(t target, unless use, done func(error)) bool {
	dest := t.base().dest
	if !b.unregisterTarget(t, unless, done) {
		return false
	}
	t.dispose()
	b.advise.destination(dest, message.RemoveDestination, t.base().owner, nil)
	if b.routing.mirrors(dest) {
		b.dropMirror(dest)
	}
	return true
}

func (b *Broker) unregisterTarget(t target, unless use, done func(error)) bool {
	g := &b.registry
	g.mu.Lock()
	defer g.mu.Unlock()
	dest := t.base().dest
	if g.targets[dest] != t || !t.retire(unless) {
		return false
	}
	g.deleteLocked(t)
	if dest.Kind.IsTemporary() || dest.IsAdvisory() {
		if done != nil {
			done(nil)
		}
		return true
	}
	op := store.Op{Action: store.RemoveDestination, Destination: dest}
	b.began()
	b.store.Append(store.Single(op, done != nil, func(err error) {
		defer b.ended()
		t.base().emptied.Store(err == nil)
		if done != nil {
			done(err)
		}
	}))
	b.standing.drop(dest)
	return true
}

// dropMirror removes the topic that mirrored a queue.
func (b *Broker) dropMirror(dest message.Destination) {
	m := b.routing.mirror
	if t := b.registry.find(message.NewTopic(m.Prefix + dest.Name + m.Postfix)); t != nil && !b.retire(t, consumers, nil) {
		b.log.Warn("mirror of a queue that was removed has consumers", "topic", t.base().dest.Name)
	}
}

func (q *queue) retire(unless use) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if unless != nothing && q.consumersLocked() > 0 {
		return false
	}
	if unless == anything && (q.stats.size.Load() != 0 || q.stats.producers.Load() > 0 || q.outside != 0 || q.window.head != nil || len(q.locked) > 0) {
		return false
	}
	q.retired.Store(true)
	if unless == anything && q.adds.Load() != 0 {
		q.retired.Store(false)
		return false
	}
	q.removed = true
	return true
}

// consumersLocked is how many consumers keep the queue.
func (q *queue) consumersLocked() (n int) {
	for c := range q.rota.each {
		if q.policy.GCWithNetworkConsumers && c.info.NetworkSubscription {
			continue
		}
		n++
	}
	return n
}

func (t *topic) retire(unless use) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if unless != nothing && t.listeners() > 0 {
		return false
	}
	if unless == anything && t.stats.producers.Load() > 0 {
		return false
	}
	t.retired.Store(true)
	if unless == anything && (t.adds.Load() != 0 || t.keepers.Load() != 0) {
		t.retired.Store(false)
		return false
	}
	t.removed = true
	return true
}

// listeners is how many subscribers keep the topic.
func (t *topic) listeners() (n int) {
	for _, l := range *t.subscribers.Load() {
		if s, ok := l.(*subscriber); ok && t.policy.GCWithNetworkConsumers && s.info.NetworkSubscription {
			continue
		}
		n++
	}
	return n
}

// listenTo makes the feed from t, or from what takes its place.
func (d *durable) listenTo(t target, retroactive bool) error {
	for {
		topic, ok := t.(*topic)
		if !ok || d.has(topic) {
			return nil
		}
		done := make(chan error, 1)
		d.append(topic, retroactive, func(err error) { done <- err })
		err := <-done
		if !errors.Is(err, ErrUnknownDestination) {
			return err
		}
		if t, err = d.b.successor(t); err != nil {
			return err
		}
	}
}
