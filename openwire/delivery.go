package openwire

import "github.com/conclavemq/conclave/message"

// delivery walks data type 21. (ActiveMQ: MessageDispatchMarshaller)
func (w *wire) delivery(d *message.Delivery) {
	w.command()
	w.consumer(&d.Consumer, true)
	w.destination(&d.Destination, true)
	w.nestedMessage(&d.Message)
	w.int32(&d.RedeliveryCounter)
}
