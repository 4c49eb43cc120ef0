package openwire

import "github.com/conclavemq/conclave/message"

// pull walks data type 20. (ActiveMQ: MessagePullMarshaller)
func (w *wire) pull(p *message.Pull) {
	w.command()
	w.consumer(&p.Consumer, true)
	w.destination(&p.Destination, true)
	w.int64(&p.TimeoutMS)
	if w.since(3) {
		w.string(&p.CorrelationID)
		w.messageID(&p.Message)
	}
}
