package openwire

import "github.com/conclavemq/conclave/message"

// ConsumerControl changes a running consumer. (ActiveMQ: ConsumerControl)
type ConsumerControl struct {
	Consumer    message.ConsumerID
	Destination message.Destination // since version 6
	Close       bool
	Flush       bool
	Start       bool
	Stop        bool
	Prefetch    int32
}

func (c *ConsumerControl) walk(w *wire) {
	w.command()
	if w.since(6) {
		w.destination(&c.Destination, false)
	}
	w.bool(&c.Close)
	w.consumer(&c.Consumer, false)
	w.int32(&c.Prefetch)
	if w.since(2) {
		w.bool(&c.Flush)
		w.bool(&c.Start)
		w.bool(&c.Stop)
	}
}
