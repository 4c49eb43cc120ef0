package openwire

import "github.com/conclavemq/conclave/message"

// DispatchNotification told a slave of old what its master had dispatched.
// (ActiveMQ: MessageDispatchNotification)
type DispatchNotification struct {
	Consumer         message.ConsumerID
	Destination      message.Destination
	DeliverySequence int64
	Message          message.MessageID
}

func (d *DispatchNotification) walk(w *wire) {
	w.command()
	w.consumer(&d.Consumer, true)
	w.destination(&d.Destination, true)
	w.int64(&d.DeliverySequence)
	w.messageID(&d.Message)
}
