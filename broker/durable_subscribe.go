package broker

import (
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// serve subscribes where that is missing and starts delivery.
func (d *durable) serve(c *consumer, info message.SubscriptionInfo) error {
	d.mu.Lock()
	changed := len(d.feeds) > 0 && (d.info.SubscribedDestination != info.SubscribedDestination ||
		d.info.Selector != info.Selector || d.info.NoLocal != info.NoLocal)
	d.mu.Unlock()
	topics, err := d.topics(info.SubscribedDestination, changed)
	if err == nil {
		d.mu.Lock()
		d.info, d.filter = info, c.filter
		d.mu.Unlock()
		if changed {
			err = d.change(topics, c.info.Retroactive)
		} else {
			err = d.subscribe(topics, c.info.Retroactive)
		}
	}
	if err != nil {
		d.mu.Lock()
		d.active = nil
		d.mu.Unlock()
		return err
	}
	d.mu.Lock()
	feeds := d.feeds
	d.mu.Unlock()
	for _, f := range feeds {
		c.join(f)
		if c.info.Retroactive {
			f.t.remind(f)
		}
	}
	d.kick()
	return nil
}

// topics returns those that a subscription covers now; for a pattern more come
// later. afresh gives up the patterns before.
func (d *durable) topics(subscribed message.Destination, afresh bool) ([]*topic, error) {
	var topics []*topic
	for _, part := range subscribed.Parts() {
		if part.IsPattern() {
			continue
		}
		t, err := d.b.ensure(part)
		if err != nil {
			return nil, err
		}
		if t, ok := t.(*topic); ok && !slices.Contains(topics, t) {
			topics = append(topics, t)
		}
	}
	if afresh {
		d.b.registry.unwatch(d.watch)
	}
	for _, part := range subscribed.Parts() {
		if !part.IsPattern() {
			continue
		}
		for _, t := range d.b.registry.watch(d.watch, part) {
			if t, ok := t.(*topic); ok && !slices.Contains(topics, t) {
				topics = append(topics, t)
			}
		}
	}
	return topics, nil
}

// subscribe makes the feeds that are missing.
func (d *durable) subscribe(topics []*topic, retroactive bool) error {
	for _, t := range topics {
		if err := d.listenTo(t, retroactive); err != nil {
			return err
		}
	}
	return nil
}

func (d *durable) has(t *topic) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.feeds {
		if f.t == t {
			return true
		}
	}
	return false
}

// append stores the subscription to t. The feed begins when that is done, at
// the same place in the log as in the store.
func (d *durable) append(t *topic, retroactive bool, done func(error)) {
	if !t.keep() {
		done(&MissingDestination{t.dest})
		return
	}
	op := d.addition(t, retroactive)
	d.b.began()
	d.b.store.Append(store.Single(op, true, func(err error) {
		defer d.b.ended()
		done(d.begun(t, retroactive, err))
	}))
}

// keep counts a durable subscription, or one that is about to be; false if t
// is about to be removed.
func (t *topic) keep() bool {
	t.keepers.Add(1)
	if t.retired.Load() {
		t.keepers.Add(-1)
		return false
	}
	return true
}

// keepAll asks keep for topics, or for what takes their place, and returns
// those.
func (b *Broker) keepAll(topics []*topic) []*topic {
	list := make([]*topic, 0, len(topics))
	for _, t := range topics {
		for ok := t.keep(); !ok; ok = t.keep() {
			next, err := b.successor(t)
			if t, ok = next.(*topic); err != nil || !ok {
				b.log.Error("cannot begin a durable subscription", "error", err)
				t = nil
				break
			}
		}
		if t != nil {
			list = append(list, t)
		}
	}
	return list
}

// addition is the operation that subscribes to t, which keep has been asked
// for; begun follows.
func (d *durable) addition(t *topic, retroactive bool) store.Op {
	d.mu.Lock()
	info := d.info
	d.mu.Unlock()
	info.Destination = t.dest
	return store.Op{Action: store.AddSubscription, Destination: t.dest, Info: &info, Retroactive: retroactive}
}

// begun makes the feed of t, whose subscription is stored or, with err, is
// not.
func (d *durable) begun(t *topic, retroactive bool, err error) error {
	again := d.has(t)
	if err == nil && !again {
		f := d.newFeed(t)
		if retroactive {
			f.window.fallBehind()
		}
		err = t.listen(f)
	}
	if err != nil || again {
		t.keepers.Add(-1)
	}
	return err
}

// attachLater subscribes to a topic that has just come into being and that
// the pattern covers. The registry is locked.
func (d *durable) attachLater(t *topic) {
	d.append(t, false, func(err error) {
		if err != nil {
			d.b.log.Error("cannot extend a durable subscription", "subscription", d.key(), "topic", t.dest.Name, "error", err)
			return
		}
		d.mu.Lock()
		c := d.active
		feeds := d.feeds
		d.mu.Unlock()
		if c == nil {
			return
		}
		for _, f := range feeds {
			c.join(f)
		}
	})
}

// unsubscribe takes the subscription off all topics, and waits for that.
func (d *durable) unsubscribe() error {
	d.b.registry.unwatch(d.watch)
	return d.change(nil, false)
}

// change takes the subscription off all its topics and puts it onto others, in
// one unit, and waits for that. What was pending is dropped: a subscription
// that changes is a new one.
func (d *durable) change(topics []*topic, retroactive bool) error {
	d.mu.Lock()
	old := d.feeds
	d.feeds = nil
	d.mu.Unlock()
	u := &store.Unit{Sync: true}
	for _, f := range old {
		u.Ops = append(u.Ops, store.Op{Action: store.RemoveSubscription, Destination: f.t.dest, Subscription: d.key()})
	}
	topics = d.b.keepAll(topics)
	for _, t := range topics {
		u.Ops = append(u.Ops, d.addition(t, retroactive))
	}
	if len(u.Ops) == 0 {
		return nil
	}
	done := make(chan error, 1)
	d.b.began()
	u.Done = func(err error) {
		defer d.b.ended()
		for _, f := range old {
			f.t.ignore(f)
			f.t.keepers.Add(-1)
			f.clear()
		}
		for _, t := range topics {
			if failed := d.begun(t, retroactive, err); err == nil && failed != nil {
				d.b.log.Error("cannot begin a durable subscription", "subscription", d.key(), "topic", t.dest.Name, "error", failed)
			}
		}
		done <- err
	}
	d.b.store.Append(u)
	return <-done
}
