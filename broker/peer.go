package broker

import "github.com/conclavemq/conclave/message"

// Peer is the far end of a connection as the broker sees it. Its methods are
// called from any goroutine, also under the broker's locks: they never block
// and never call the broker; they only enqueue.
type Peer interface {
	// Deliver hands over one message, or the end of a browse or an
	// unsuccessful pull where d.Message is nil. The message is shared with
	// other consumers and immutable.
	Deliver(d message.Delivery)
	// ProducerAck gives size bytes of a producer's window back.
	ProducerAck(id message.ProducerID, size int32)
	// Prefetch tells the client that the broker has set another prefetch
	// size. (ActiveMQ: ConsumerControl)
	Prefetch(consumer message.ConsumerID, dest message.Destination, n int32)
	// CloseConsumer tells the client to close a consumer. (ActiveMQ:
	// ConsumerControl)
	CloseConsumer(consumer message.ConsumerID)
	// Fail tells the client why the broker ends its connection and closes it.
	// (ActiveMQ: ConnectionError)
	Fail(err error)
}
