package openwire

import "github.com/conclavemq/conclave/message"

// ProducerAck returns credit to a producer with a window. (ActiveMQ:
// ProducerAck)
type ProducerAck struct {
	Producer message.ProducerID
	Size     int32 // bytes
}

func (p *ProducerAck) walk(w *wire) {
	w.command()
	w.producer(&p.Producer, false)
	w.int32(&p.Size)
}
