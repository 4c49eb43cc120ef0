package openwire

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// What GoldenMaker.java writes, said once more in Go.

const (
	goldenConnection message.ConnectionID = "ID:host-40123-1700000000000-1:1"
	strange          string               = "h\u00e9llo \x00 \U0001F600 \u20ac"
)

var (
	goldenHeader   = Header{CommandID: 4711, ResponseRequired: true}
	goldenSession  = message.SessionID{Connection: goldenConnection, Value: 3}
	goldenProducer = message.ProducerID{Connection: goldenConnection, Session: 3, Value: 5}
	goldenConsumer = message.ConsumerID{Connection: goldenConnection, Session: 3, Value: 70000}
	goldenQueue    = message.NewQueue("ORDERS.EUROPE")
	goldenTopic    = message.NewTopic("NEWS.>")
	goldenPath     = []message.BrokerID{"ID:broker-a", "ID:broker-b"}
	goldenLocal    = message.TransactionID{Connection: goldenConnection, Value: 77}
	goldenXA       = message.TransactionID{XA: true, XID: message.XID{FormatID: -61616, Global: "\x00\x01\x02\xff", Branch: "\x09"}}
)

func goldenID(sequence int64) message.MessageID {
	return message.MessageID{Producer: goldenProducer, ProducerSequence: sequence, BrokerSequence: sequence * 3}
}

func goldenFailure() *message.Throwable {
	return &message.Throwable{
		Class: "javax.jms.JMSException", Message: "r\u00e9fused",
		Trace: []message.StackFrame{
			{Class: "org.example.Client", Method: "send", File: "Client.java", Line: 42},
			{Class: "org.example.Main", Method: "main", Line: -2},
		},
		Cause: &message.Throwable{Class: "java.io.IOException", Message: "broken pipe"},
	}
}

// expected gives the header and value of a case as a version carries them.
func expected(t *testing.T, name string, version int) (Header, any) {
	v := expectedMessage(name)
	for _, more := range []func(string) any{expectedDelivery, expectedInfo, expectedControl, expectedRare} {
		if v == nil {
			v = more(name)
		}
	}
	require.NotNil(t, v, name)
	strip(v, version)
	h := goldenHeader
	switch name {
	case "LastPartialCommand/full", "PartialCommand/full":
		h.ResponseRequired = false
	case "Message/properties", "Message/blank", "Message/numbers1", "Message/numbers2", "Message/numbers3",
		"Message/advisory", "Message/advisory2", "MessageAck/null", "SubscriptionInfo/full", "DiscoveryEvent/full":
		h = Header{}
	default:
		if strings.HasPrefix(name, "Journal") || strings.HasSuffix(name, "/null") &&
			name != "ExceptionResponse/null" && name != "DataArrayResponse/null" {
			h = Header{}
		}
	}
	return h, v
}

func fullMessage(body message.Body, tx message.TransactionID) *message.Message {
	return &message.Message{
		Body: body, Producer: goldenProducer, Destination: goldenQueue, Transaction: tx,
		OriginalDestination: goldenTopic, ID: goldenID(123456), OriginalTransaction: goldenLocal,
		GroupID: "group", GroupSequence: 7, CorrelationID: "corr-" + strange, Persistent: true,
		Expiration: 1700000099999, Priority: 9,
		ReplyTo:   message.Destination{Kind: message.TempQueue, Name: string(goldenConnection) + ":1"},
		Timestamp: 1700000000000, Type: "type", Content: []byte("\x00\x00\x00\x02hi"),
		Properties: []byte{0, 0, 0, 0}, TargetConsumer: goldenConsumer, Compressed: true,
		RedeliveryCounter: 2, BrokerPath: goldenPath, Arrival: 1, UserID: "user",
		ReceivedByDFBridge: true, Droppable: true, Cluster: goldenPath,
		BrokerInTime: 0x10000, BrokerOutTime: 0xFFFFFFFF, FirstForConsumer: true,
	}
}

func plainMessage() *message.Message { return &message.Message{} }

func numbered(a, b, c, d int64) *message.Message {
	m := plainMessage()
	m.Expiration, m.Timestamp, m.Arrival = a, b, c
	m.ID = message.MessageID{Producer: goldenProducer, ProducerSequence: d}
	return m
}

func expectedMessage(name string) any {
	switch name {
	case "Message/null":
		return plainMessage()
	case "Message/full":
		return fullMessage(message.Plain, goldenLocal)
	case "TextMessage/full":
		return fullMessage(message.Text, goldenXA)
	case "BytesMessage/full":
		return fullMessage(message.Bytes, message.TransactionID{})
	case "MapMessage/full":
		return fullMessage(message.Map, message.TransactionID{})
	case "StreamMessage/full":
		return fullMessage(message.Stream, message.TransactionID{})
	case "ObjectMessage/full":
		return fullMessage(message.Object, message.TransactionID{})
	case "BlobMessage/full":
		m := fullMessage(message.Blob, message.TransactionID{})
		m.RemoteBlobURL, m.MimeType, m.DeletedByBroker = "http://example.org/blob", "image/png", true
		return m
	case "Message/properties":
		m := plainMessage()
		m.Properties, _ = message.AppendProperties(nil, goldenProperties())
		return m
	case "Message/numbers1":
		return numbered(0, 1, 0xFFFF, 0x10000)
	case "Message/numbers2":
		return numbered(0xFFFFFFFF, 0x100000000, -1, -1<<63)
	case "Message/numbers3":
		return numbered(1<<63-1, 0x8000, 0x80000000, 0xFFFFFFFFFFFF)
	}
	return expectedOddMessage(name)
}

func expectedOddMessage(name string) any {
	m := plainMessage()
	switch name {
	case "Message/blank":
		m.Blanks = message.BlankCorrelationID | message.BlankType | message.BlankGroupID | message.BlankUserID
		m.Content, m.BrokerPath = []byte{}, []message.BrokerID{}
		m.Destination = message.Destination{Kind: message.TempTopic, Name: "ID:x:1"}
		m.ID = message.MessageID{TextView: "foreign-1", Producer: goldenProducer, ProducerSequence: 1}
	case "Message/advisory":
		m.Destination = message.NewTopic("ActiveMQ.Advisory.Consumer.Queue.Q")
		m.DataStructure = &message.ConsumerInfo{ID: goldenConsumer, Destination: goldenQueue}
	case "Message/advisory2":
		m.DataStructure = fullMessage(message.Text, message.TransactionID{})
	default:
		return nil
	}
	return m
}

func goldenProperties() message.Properties {
	big := strings.Repeat("abcdefghijklmnopqrstuvwxyz", 8191/26+1)[:8191]
	return message.Properties{
		{Name: "boolean", Value: true}, {Name: "byte", Value: int8(-2)}, {Name: "char", Value: message.Char('x')},
		{Name: "short", Value: int16(-300)}, {Name: "int", Value: int32(123456789)}, {Name: "long", Value: int64(-1 << 63)},
		{Name: "float", Value: float32(1.5)}, {Name: "double", Value: -2.25}, {Name: "string", Value: strange},
		{Name: "bytes", Value: []byte{1, 2, 3}}, {Name: "null"}, {Name: "big", Value: big},
		{Name: "map", Value: message.Properties{
			{Name: "a", Value: int32(1)},
			{Name: "list", Value: []any{"x", int64(2), []any{true}}},
		}},
	}
}

func expectedDelivery(name string) any {
	switch name {
	case "MessageDispatch/null":
		return &message.Delivery{}
	case "MessageDispatch/full":
		return &message.Delivery{
			Consumer: goldenConsumer, Destination: goldenQueue, RedeliveryCounter: 4,
			Message: fullMessage(message.Text, message.TransactionID{}),
		}
	case "MessageAck/null":
		return &message.Ack{}
	case "MessageAck/full":
		return &message.Ack{
			Destination: goldenQueue, Transaction: goldenLocal, Consumer: goldenConsumer,
			Type: message.IndividualAck, First: goldenID(1), Last: goldenID(2), Count: 2,
		}
	case "MessageAck/poison":
		return &message.Ack{Destination: goldenTopic, Type: message.PoisonAck, PoisonCause: goldenFailure()}
	case "MessageDispatchNotification/full":
		return &DispatchNotification{Consumer: goldenConsumer, Destination: goldenQueue, DeliverySequence: 99, Message: goldenID(3)}
	case "MessagePull/full":
		return &message.Pull{Consumer: goldenConsumer, Destination: goldenQueue, TimeoutMS: -1, CorrelationID: "corr", Message: goldenID(8)}
	}
	return nil
}

func goldenBroker() *BrokerInfo {
	return &BrokerInfo{
		ID: "ID:broker-a", URL: "tcp://a:61616", Name: "a", Slave: true, Master: true,
		FaultTolerantConfiguration: true, DuplexConnection: true, NetworkConnection: true,
		ConnectionID: 12, UploadURL: "http://upload", NetworkProperties: "x=y",
	}
}

func numberedProducer(t *testing.T, name string) *message.ProducerInfo {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "ProducerInfo/"))
	require.NoError(t, err)
	id := goldenProducer
	id.Value = int64(n)
	return &message.ProducerInfo{ID: id, Destination: message.NewQueue("Q" + strconv.Itoa(n))}
}
