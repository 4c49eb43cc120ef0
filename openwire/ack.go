package openwire

import "github.com/conclavemq/conclave/message"

// ack walks data type 22. (ActiveMQ: MessageAckMarshaller)
func (w *wire) ack(a *message.Ack) {
	w.command()
	w.destination(&a.Destination, true)
	w.transaction(&a.Transaction, true)
	w.consumer(&a.Consumer, true)
	w.int8((*int8)(&a.Type))
	w.messageID(&a.First)
	w.messageID(&a.Last)
	w.int32(&a.Count)
	if w.since(7) {
		w.throwable(&a.PoisonCause)
	}
}
