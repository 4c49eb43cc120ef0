package openwire

import "github.com/conclavemq/conclave/message"

// removeSubscriptionInfo walks data type 9. (ActiveMQ:
// RemoveSubscriptionInfoMarshaller)
func (w *wire) removeSubscriptionInfo(r *message.RemoveSubscriptionInfo) {
	w.command()
	w.connection(&r.Connection, true)
	w.string(&r.Name)
	w.string(&r.ClientID)
}
