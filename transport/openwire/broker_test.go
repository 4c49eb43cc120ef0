package openwire

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store/memory"
	"github.com/conclavemq/conclave/transport"
)

// realServer is a listener with a real broker in memory.
func realServer(t *testing.T, change ...func(*broker.Options)) *server {
	t.Helper()
	store := memory.New()
	options := broker.Options{Name: "real", ID: "ID:real", Store: store}
	for _, f := range change {
		f(&options)
	}
	b, err := broker.New(options)
	require.NoError(t, err)
	u, err := transport.ParseURI("tcp://127.0.0.1:0")
	require.NoError(t, err)
	l, err := transport.Listen(transport.Options{URI: u, Protocol: New(Options{URI: u, Broker: b, BrokerName: "real"})})
	require.NoError(t, err)
	t.Cleanup(func() {
		l.Park(t.Context())
		l.Dismiss()
		require.NoError(t, b.Close(t.Context()))
		require.NoError(t, store.Close())
	})
	return &server{t: t, listener: l}
}

// The whole way of a message, with the commands that a Java client sends.
func TestAMessageGoesThroughTheBroker(t *testing.T) {
	s := realServer(t)
	p := s.connected()
	p.ok(&message.SessionInfo{ID: sessionID})
	p.ok(&message.ProducerInfo{ID: producer, Destination: message.NewQueue("Q")})
	m := text("hello")
	p.ok(m)
	id := p.request(&message.ConsumerInfo{ID: consumer, Destination: message.NewQueue("Q"), PrefetchSize: 10})
	var delivery *message.Delivery
	for range 2 { // the response and the delivery, in any order
		switch _, v := p.receive(); v := v.(type) {
		case *message.Delivery:
			delivery = v
		case *codec.Response:
			require.Equal(t, id, v.CorrelationID)
		default:
			t.Fatalf("got %T", v)
		}
	}
	require.Equal(t, consumer, delivery.Consumer)
	require.Equal(t, "hello", string(delivery.Message.Content))
	require.Equal(t, m.ID.Key(), delivery.Message.ID.Key())
	p.ok(&message.Ack{Type: message.StandardAck, Count: 1, Consumer: consumer, Destination: message.NewQueue("Q"),
		First: delivery.Message.ID, Last: delivery.Message.ID})
	p.ok(&message.RemoveInfo{Object: consumer})
	p.ok(&message.RemoveInfo{Object: message.ConnectionID("c")})
	p.oneway(&codec.Shutdown{})
	require.Empty(t, p.end())
}

func TestAStolenClientIDIsRefused(t *testing.T) {
	s := realServer(t)
	s.connected()
	p := s.dial()
	p.handshake(codec.DefaultWireFormatInfo())
	refusal := p.refused(&message.ConnectionInfo{ID: "d", ClientID: "client"})
	require.Equal(t, "javax.jms.InvalidClientIDException", refusal.Class)
	require.Regexp(t, `^Broker: real - Client: client already connected from tcp://127\.0\.0\.1:\d+$`, refusal.Message)
}

// A client that comes back before its old socket was missed takes over.
func TestAConnectionThatComesBackReplacesItself(t *testing.T) {
	s := realServer(t)
	old := s.connected()
	again := s.dial()
	again.handshake(codec.DefaultWireFormatInfo())
	again.ok(&message.ConnectionInfo{ID: "c", ClientID: "client", FailoverReconnect: true})
	require.Len(t, old.end(), 1) // why it ended
	again.ok(&message.SessionInfo{ID: sessionID})
}

// A client that closes its connection while a send of its waits for memory gets
// both answers, and keeps its socket until then.
func TestBlockedProducerCloses(t *testing.T) {
	s := realServer(t, func(o *broker.Options) {
		o.Policy = func(message.Destination) broker.Policy {
			p := broker.DefaultPolicy()
			p.MemoryLimit = 1
			return p
		}
	})
	p := s.connected()
	p.ok(&message.SessionInfo{ID: sessionID})
	p.ok(&message.ProducerInfo{ID: producer, Destination: message.NewQueue("Q")})
	transient := func(sequence int64) *message.Message {
		m := text("x")
		m.Persistent, m.ID.ProducerSequence = false, sequence
		return m
	}
	p.ok(transient(1))
	blocked := p.request(transient(2))
	closed := p.request(&message.RemoveInfo{Object: message.ConnectionID("c")})
	_, refusal := p.receive()
	require.IsType(t, &codec.ExceptionResponse{}, refusal)
	require.Equal(t, blocked, refusal.(*codec.ExceptionResponse).CorrelationID)
	require.Equal(t, "Connection closed, send aborted.", refusal.(*codec.ExceptionResponse).Exception.Message)
	_, answer := p.receive()
	require.Equal(t, &codec.Response{CorrelationID: closed}, answer)
	p.oneway(&codec.Shutdown{})
	require.Empty(t, p.end())
}
