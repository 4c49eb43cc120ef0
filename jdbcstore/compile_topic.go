package jdbcstore

import (
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// subscribe makes or changes a durable subscription.
func (c *compiler) subscribe(op *store.Op) {
	info, b := op.Info, c.b
	key, dest := info.Key(), op.Destination
	container, client, name := textValue(dest.String()), textValue(info.ClientID), textValue(info.Name)
	selector, named, noLocal := textValue(info.Selector), textValue(info.SubscribedDestination.String()), boolValue(info.NoLocal)
	b.special = true
	b.segment.touch(dest)
	c.flush()
	if c.topics[dest][key] != nil {
		b.call(stmtResubscribe, container, client, name, selector, named, noLocal)
		return
	}
	mark := int64(c.high)
	if op.Retroactive {
		mark = -1
	}
	b.call(stmtSubscribe, container, client, name, selector, named, int8Value(mark))
	b.call(stmtSubscription, container, client, name, noLocal, int8Value(mark))
	sub := &subscription{dest: dest, container: dest.String(), client: info.ClientID, name: info.Name, single: true}
	c.topics.set(sub, key)
	b.after = append(b.after, func() { c.s.readTopics.set(sub, key) })
}

func (c *compiler) unsubscribe(op *store.Op) {
	sub := c.topics[op.Destination][op.Subscription]
	if sub == nil {
		return
	}
	b := c.b
	container, client, name := textValue(sub.container), textValue(sub.client), textValue(sub.name)
	b.special = true
	b.call(stmtUnsubscribe, container, client, name)
	b.call(stmtUnsubscription, container, client, name)
	b.call(stmtUnacked, container, client, name)
	b.call(stmtRelease, container, int8Value(time.Now().UnixMilli()))
	c.topics.remove(op.Destination, op.Subscription)
	b.after = append(b.after, func() { c.s.readTopics.remove(op.Destination, op.Subscription) })
}

func (c *compiler) removeDestination(dest message.Destination) {
	b, container := c.b, textValue(dest.String())
	b.special = true
	b.call(stmtDestProducers, container, int8Value(time.Now().UnixMilli()))
	for _, name := range []statement{stmtDestMessages, stmtDestAcks, stmtDestSubs, stmtDestAcked, stmtDest} {
		b.call(name, container)
	}
	delete(c.topics, dest)
	delete(c.s.counted, dest.String())
	delete(c.s.places, dest.String())
	b.after = append(b.after, func() {
		delete(c.s.readTopics, dest)
		delete(c.s.counted, dest.String())
		delete(c.s.places, dest.String())
	})
}

// prioritize gives the subscriptions of a topic that is read by priority a
// row for each, as ActiveMQ has them, where the primary key allows.
func (c *compiler) prioritize(dest message.Destination) {
	if !c.s.manyRows {
		return
	}
	for key, sub := range c.topics[dest] {
		if !sub.single {
			continue
		}
		c.flush()
		c.b.special = true
		c.b.call(stmtPriorities, textValue(sub.container), textValue(sub.client), textValue(sub.name))
		more := *sub
		more.single = false
		c.topics.set(&more, key)
		c.b.after = append(c.b.after, func() { c.s.readTopics.set(&more, key) })
	}
}
