package openwire

import "github.com/conclavemq/conclave/message"

var bodyTypes = [...]byte{
	message.Plain: TypeMessage, message.Text: TypeTextMessage, message.Bytes: TypeBytesMessage,
	message.Map: TypeMapMessage, message.Stream: TypeStreamMessage, message.Object: TypeObjectMessage,
	message.Blob: TypeBlobMessage,
}

var bodies = [...]message.Body{
	message.Plain, message.Bytes, message.Map, message.Object, message.Stream, message.Text, message.Blob,
}

func isMessage(kind byte) bool { return kind >= TypeMessage && kind <= TypeBlobMessage }

// introduced gives the version that brought a data type.
func introduced(kind byte) uint8 {
	switch kind {
	case TypePull:
		return 2
	case TypeProducerAck, TypeBlobMessage:
		return 3
	case TypeBrokerSubscriptionInfo:
		return 12
	}
	return 1
}

// newObject returns an empty object of a data type other than identifiers and
// destinations, or nil.
func newObject(kind byte) any {
	if isMessage(kind) {
		return &message.Message{Body: bodies[kind-TypeMessage]}
	}
	switch kind {
	case TypeDelivery:
		return new(message.Delivery)
	case TypeAck:
		return new(message.Ack)
	case TypeResponse:
		return new(Response)
	case TypeExceptionResponse:
		return new(ExceptionResponse)
	case TypeDataResponse:
		return new(DataResponse)
	case TypeDataArrayResponse:
		return new(DataArrayResponse)
	case TypeIntegerResponse:
		return new(IntegerResponse)
	case TypeProducerAck:
		return new(ProducerAck)
	case TypePull:
		return new(message.Pull)
	case TypeTransactionInfo:
		return new(TransactionInfo)
	case TypeMessageID:
		return new(message.MessageID)
	}
	if v := newInfo(kind); v != nil {
		return v
	}
	return newRare(kind)
}

func newInfo(kind byte) any {
	switch kind {
	case TypeWireFormatInfo:
		return new(WireFormatInfo)
	case TypeBrokerInfo:
		return new(BrokerInfo)
	case TypeConnectionInfo:
		return new(message.ConnectionInfo)
	case TypeSessionInfo:
		return new(message.SessionInfo)
	case TypeConsumerInfo:
		return new(message.ConsumerInfo)
	case TypeProducerInfo:
		return new(message.ProducerInfo)
	case TypeDestinationInfo:
		return new(message.DestinationInfo)
	case TypeRemoveSubscriptionInfo:
		return new(message.RemoveSubscriptionInfo)
	case TypeKeepAlive:
		return new(KeepAlive)
	case TypeShutdown:
		return new(Shutdown)
	case TypeRemoveInfo:
		return new(message.RemoveInfo)
	case TypeSubscriptionInfo:
		return new(message.SubscriptionInfo)
	}
	return nil
}

func newRare(kind byte) any {
	switch kind {
	case TypeControlCommand:
		return new(ControlCommand)
	case TypeFlush:
		return new(Flush)
	case TypeConnectionError:
		return new(ConnectionError)
	case TypeConsumerControl:
		return new(ConsumerControl)
	case TypeConnectionControl:
		return new(ConnectionControl)
	case TypeDiscoveryEvent:
		return new(DiscoveryEvent)
	case TypeJournalTopicAck:
		return new(JournalTopicAck)
	case TypeJournalQueueAck:
		return new(JournalQueueAck)
	case TypeJournalTrace:
		return new(JournalTrace)
	case TypeJournalTransaction:
		return new(JournalTransaction)
	case TypePartialCommand:
		return new(PartialCommand)
	case TypeLastPartialCommand:
		return new(LastPartialCommand)
	case TypeReplayCommand:
		return new(ReplayCommand)
	case TypeDispatchNotification:
		return new(DispatchNotification)
	case TypeNetworkBridgeFilter:
		return new(message.NetworkBridgeFilter)
	case TypeBrokerSubscriptionInfo:
		return new(BrokerSubscriptionInfo)
	}
	return nil
}

// dataType gives the data type of v, which is a pointer to a command or an
// identifier or destination by value; TypeNull for anything else.
func dataType(v any) byte {
	switch v := v.(type) {
	case *message.Message:
		if int(v.Body) < len(bodyTypes) {
			return bodyTypes[v.Body]
		}
		return TypeNull
	case *message.Delivery:
		return TypeDelivery
	case *message.Ack:
		return TypeAck
	case *message.Pull:
		return TypePull
	case *Response:
		return TypeResponse
	case *ExceptionResponse:
		return TypeExceptionResponse
	case *DataResponse:
		return TypeDataResponse
	case *DataArrayResponse:
		return TypeDataArrayResponse
	case *IntegerResponse:
		return TypeIntegerResponse
	case *ProducerAck:
		return TypeProducerAck
	case *TransactionInfo:
		return TypeTransactionInfo
	case *message.MessageID:
		return TypeMessageID
	}
	if kind := infoType(v); kind != TypeNull {
		return kind
	}
	if kind := rareType(v); kind != TypeNull {
		return kind
	}
	return refOf(v).kind
}

func infoType(v any) byte {
	switch v.(type) {
	case *WireFormatInfo:
		return TypeWireFormatInfo
	case *BrokerInfo:
		return TypeBrokerInfo
	case *message.ConnectionInfo:
		return TypeConnectionInfo
	case *message.SessionInfo:
		return TypeSessionInfo
	case *message.ConsumerInfo:
		return TypeConsumerInfo
	case *message.ProducerInfo:
		return TypeProducerInfo
	case *message.DestinationInfo:
		return TypeDestinationInfo
	case *message.RemoveSubscriptionInfo:
		return TypeRemoveSubscriptionInfo
	case *KeepAlive:
		return TypeKeepAlive
	case *Shutdown:
		return TypeShutdown
	case *message.RemoveInfo:
		return TypeRemoveInfo
	case *message.SubscriptionInfo:
		return TypeSubscriptionInfo
	}
	return TypeNull
}

func rareType(v any) byte {
	switch v.(type) {
	case *ControlCommand:
		return TypeControlCommand
	case *Flush:
		return TypeFlush
	case *ConnectionError:
		return TypeConnectionError
	case *ConsumerControl:
		return TypeConsumerControl
	case *ConnectionControl:
		return TypeConnectionControl
	case *DiscoveryEvent:
		return TypeDiscoveryEvent
	case *JournalTopicAck:
		return TypeJournalTopicAck
	case *JournalQueueAck:
		return TypeJournalQueueAck
	case *JournalTrace:
		return TypeJournalTrace
	case *JournalTransaction:
		return TypeJournalTransaction
	case *PartialCommand:
		return TypePartialCommand
	case *LastPartialCommand:
		return TypeLastPartialCommand
	case *ReplayCommand:
		return TypeReplayCommand
	case *DispatchNotification:
		return TypeDispatchNotification
	case *message.NetworkBridgeFilter:
		return TypeNetworkBridgeFilter
	case *BrokerSubscriptionInfo:
		return TypeBrokerSubscriptionInfo
	}
	return TypeNull
}

// refOf returns the reference that an identifier or destination by value is.
func refOf(v any) ref {
	switch v := v.(type) {
	case message.Destination:
		return refOfDestination(v)
	case message.TransactionID:
		return refOfTransaction(&v)
	case message.ProducerID:
		return refOfProducer(&v)
	case message.ConsumerID:
		return refOfConsumer(&v)
	case message.SessionID:
		return refOfSession(v)
	case message.ConnectionID:
		return refOfName(TypeConnectionID, string(v))
	case message.BrokerID:
		return refOfName(TypeBrokerID, string(v))
	}
	return ref{}
}

// value is the inverse of refOf; an identifier of nothing is nil.
func (r *ref) value() any {
	if r.s == "" && r.a == 0 && r.b == 0 && r.kind != TypeXATransactionID {
		return nil
	}
	switch r.kind {
	case TypeQueue, TypeTopic, TypeTempQueue, TypeTempTopic:
		kind, _ := destinationKind(r.kind)
		return message.Destination{Kind: kind, Name: r.s}
	case TypeLocalTransactionID, TypeXATransactionID:
		return r.transaction()
	case TypeProducerID:
		return r.producer()
	case TypeConsumerID:
		return r.consumer()
	case TypeSessionID:
		return r.session()
	case TypeConnectionID:
		return message.ConnectionID(r.s)
	case TypeBrokerID:
		return message.BrokerID(r.s)
	}
	return nil
}
