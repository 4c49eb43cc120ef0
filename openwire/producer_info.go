package openwire

import "github.com/conclavemq/conclave/message"

// producerInfo walks data type 6. (ActiveMQ: ProducerInfoMarshaller)
func (w *wire) producerInfo(p *message.ProducerInfo) {
	w.command()
	w.producer(&p.ID, true)
	w.destination(&p.Destination, true)
	w.brokers(&p.BrokerPath)
	if w.since(2) {
		w.bool(&p.DispatchAsync)
	}
	if w.since(3) {
		w.int32(&p.WindowSize)
	}
}
