package openwire

import "github.com/conclavemq/conclave/message"

// BrokerSubscriptionInfo tells a bridge's peer the durable subscriptions of a
// broker. (ActiveMQ: BrokerSubscriptionInfo)
type BrokerSubscriptionInfo struct {
	ID            message.BrokerID
	Name          string
	Subscriptions []*message.ConsumerInfo // nil is null
}

func (b *BrokerSubscriptionInfo) walk(w *wire) {
	w.command()
	w.broker(&b.ID, false)
	w.string(&b.Name)
	n, present := w.count(len(b.Subscriptions), b.Subscriptions != nil)
	if w.reading() && present {
		b.Subscriptions = make([]*message.ConsumerInfo, 0, min(n, 16))
	}
	for i := 0; i < n && w.err == nil; i++ {
		if w.reading() {
			b.Subscriptions = append(b.Subscriptions, nil)
		}
		nestedCommand(w, TypeConsumerInfo, &b.Subscriptions[i], func(c *message.ConsumerInfo, w *wire) { w.consumerInfo(c) })
	}
}
