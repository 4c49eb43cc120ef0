package openwire

import "github.com/conclavemq/conclave/message"

// subscriptionInfo walks data type 55. (ActiveMQ: SubscriptionInfoMarshaller)
func (w *wire) subscriptionInfo(s *message.SubscriptionInfo) {
	w.string(&s.ClientID)
	w.destination(&s.Destination, true)
	w.string(&s.Selector)
	w.string(&s.Name)
	if w.since(3) {
		w.destination(&s.SubscribedDestination, false)
	}
	if w.since(11) {
		w.bool(&s.NoLocal)
	}
}
