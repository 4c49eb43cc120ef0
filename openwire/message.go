package openwire

import "github.com/conclavemq/conclave/message"

// message walks data types 23–29. (ActiveMQ: MessageMarshaller)
func (w *wire) message(m *message.Message) {
	w.command()
	w.producer(&m.Producer, true)
	w.destination(&m.Destination, true)
	w.transaction(&m.Transaction, true)
	w.destination(&m.OriginalDestination, true)
	w.messageID(&m.ID)
	w.transaction(&m.OriginalTransaction, true)
	w.blank(&m.GroupID, &m.Blanks, message.BlankGroupID)
	w.int32(&m.GroupSequence)
	w.blank(&m.CorrelationID, &m.Blanks, message.BlankCorrelationID)
	w.bool(&m.Persistent)
	w.int64(&m.Expiration)
	w.byte(&m.Priority)
	w.destination(&m.ReplyTo, false)
	w.int64(&m.Timestamp)
	w.blank(&m.Type, &m.Blanks, message.BlankType)
	w.bytes(&m.Content)
	w.bytes(&m.Properties)
	w.object(&m.DataStructure)
	w.consumer(&m.TargetConsumer, true)
	w.bool(&m.Compressed)
	w.int32(&m.RedeliveryCounter)
	w.brokers(&m.BrokerPath)
	w.int64(&m.Arrival)
	w.blank(&m.UserID, &m.Blanks, message.BlankUserID)
	w.bool(&m.ReceivedByDFBridge)
	w.laterMessageFields(m)
	if m.Body == message.Blob {
		w.blob(m)
	}
}

func (w *wire) laterMessageFields(m *message.Message) {
	if w.since(2) {
		w.bool(&m.Droppable)
	}
	if w.since(3) {
		w.brokers(&m.Cluster)
		w.int64(&m.BrokerInTime)
		w.outTime(m)
	}
	if w.since(10) {
		w.bool(&m.FirstForConsumer)
	}
}

// outTime walks when a broker gave the message to a consumer, which a delivery
// that is written says of itself: messages are shared.
func (w *wire) outTime(m *message.Message) {
	if w.sent != 0 && w.kind == TypeDelivery {
		w.int64(&w.sent)
		return
	}
	w.int64(&m.BrokerOutTime)
}

// blob walks what a blob message adds. (ActiveMQ:
// ActiveMQBlobMessageMarshaller)
func (w *wire) blob(m *message.Message) {
	w.string(&m.RemoteBlobURL)
	w.string(&m.MimeType)
	w.bool(&m.DeletedByBroker)
}

// nestedMessage walks a message within a command; nil is null.
func (w *wire) nestedMessage(p **message.Message) {
	if !w.flag(*p != nil) {
		if w.reading() {
			*p = nil
		}
		return
	}
	if !w.reading() {
		kind := dataType(*p)
		w.put8(kind)
		w.nestedFields(kind, *p)
		return
	}
	kind := w.get8()
	if !isMessage(kind) {
		w.fail(ErrMalformed, "no message")
		return
	}
	*p = &message.Message{Body: bodies[kind-TypeMessage]}
	w.nestedFields(kind, *p)
}
