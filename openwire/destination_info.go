package openwire

import "github.com/conclavemq/conclave/message"

// destinationInfo walks data type 8. (ActiveMQ: DestinationInfoMarshaller)
func (w *wire) destinationInfo(d *message.DestinationInfo) {
	w.command()
	w.connection(&d.Connection, true)
	w.destination(&d.Destination, true)
	w.byte((*uint8)(&d.Operation))
	w.int64(&d.TimeoutMS)
	w.brokers(&d.BrokerPath)
}
