package openwire

import "github.com/conclavemq/conclave/message"

// consumerInfo walks data type 5. (ActiveMQ: ConsumerInfoMarshaller)
func (w *wire) consumerInfo(c *message.ConsumerInfo) {
	w.command()
	w.consumer(&c.ID, true)
	w.bool(&c.Browser)
	w.destination(&c.Destination, true)
	w.int32(&c.PrefetchSize)
	w.int32(&c.MaximumPendingMessageLimit)
	w.bool(&c.DispatchAsync)
	w.string(&c.Selector)
	if w.since(10) {
		w.string(&c.ClientID)
	}
	w.string(&c.SubscriptionName)
	w.bool(&c.NoLocal)
	w.bool(&c.Exclusive)
	w.bool(&c.Retroactive)
	w.int8(&c.Priority)
	w.brokers(&c.BrokerPath)
	w.nestedBridgeFilter(&c.AdditionalPredicate)
	w.bool(&c.NetworkSubscription)
	w.bool(&c.OptimizedAcknowledge)
	w.bool(&c.NoRangeAcks)
	if w.since(4) {
		w.consumers(&c.NetworkConsumerPath)
	}
}
