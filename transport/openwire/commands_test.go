package openwire

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

var errInvalidClientID = &broker.Error{Kind: broker.ErrInvalidClientID,
	Text: "Broker: test - Client: taken already connected from tcp://x"}

func TestEveryCommandOfAClient(t *testing.T) {
	local := message.TransactionID{Connection: "c", Value: 3}
	transaction := func(op codec.TransactionOperation, tx message.TransactionID) any {
		return &codec.TransactionInfo{Connection: "c", Transaction: tx, Operation: op}
	}
	for _, test := range []struct {
		command any
		calls   []string
	}{
		{&message.SessionInfo{ID: sessionID}, []string{"add session c:1"}},
		{&message.ProducerInfo{ID: producer}, []string{"add producer c:1:1"}},
		{&message.ConsumerInfo{ID: consumer, Destination: message.NewQueue("Q")}, []string{"add consumer c:1:1"}},
		{&message.DestinationInfo{Connection: "c", Destination: message.NewTopic("T")}, []string{"add destination topic://T"}},
		{&message.DestinationInfo{Connection: "c", Destination: message.NewTopic("T"), Operation: message.RemoveDestination},
			[]string{"remove destination topic://T"}},
		{&message.RemoveSubscriptionInfo{Connection: "c", Name: "s", ClientID: "client"}, []string{"remove subscription s"}},
		{&message.RemoveSubscriptionInfo{Name: "s", ClientID: "client"}, []string{"remove subscription s"}}, // of the only connection
		{text("x"), []string{"send c:1:1:1"}},
		{&message.Ack{Consumer: consumer, Destination: message.NewQueue("Q")}, []string{"ack c:1:1"}},
		{&message.Pull{Consumer: consumer, Destination: message.NewQueue("Q")}, []string{"pull c:1:1"}},
		{transaction(codec.Begin, local), []string{"begin TX:c:3"}},
		{transaction(codec.CommitOnePhase, local), []string{"commit TX:c:3 true"}},
		{transaction(codec.CommitTwoPhase, xid), []string{"commit " + xid.String() + " false"}},
		{transaction(codec.Rollback, local), []string{"rollback TX:c:3"}},
		{transaction(codec.Forget, xid), []string{"forget " + xid.String()}},
		{transaction(codec.End, xid), []string{"end " + xid.String()}},
		{&codec.ConsumerControl{Consumer: consumer, Prefetch: 7}, []string{"prefetch c:1:1 7"}},
		{&codec.ConnectionControl{}, nil},
		{&codec.Flush{}, nil},
		{&codec.ControlCommand{Command: "x"}, nil},
		{&codec.BrokerInfo{ID: "bridge", Name: "bridge", NetworkConnection: true}, nil},
		{&codec.DispatchNotification{Consumer: consumer}, nil},
		{&codec.ProducerAck{Producer: producer}, nil},
		{&codec.ConnectionError{}, nil},
		{&codec.BrokerSubscriptionInfo{}, nil},
		{&message.RemoveInfo{Object: consumer, LastDelivered: 5}, []string{"remove consumer c:1:1 5"}},
		{&message.RemoveInfo{Object: producer}, []string{"remove producer c:1:1"}},
		{&message.RemoveInfo{Object: sessionID, LastDelivered: 6}, []string{"remove session c:1 6"}},
		{&message.RemoveInfo{Object: message.ConnectionID("c"), LastDelivered: -1}, []string{"leave"}},
		{&message.RemoveInfo{Object: message.ConnectionID("gone")}, nil},
	} {
		t.Run(fmt.Sprintf("%T", test.command), func(t *testing.T) {
			b := &fakeBroker{}
			p := serve(t, b, "").connected()
			p.ok(test.command)
			require.Equal(t, test.calls, nilIfEmpty(b.called()[1:]))
			p.ok(&codec.Flush{})
		})
	}
}

func nilIfEmpty(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	return s
}

func TestPrepareAnswersTheVote(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "").connected()
	id := p.request(&codec.TransactionInfo{Connection: "c", Transaction: xid, Operation: codec.Prepare})
	require.Equal(t, &codec.IntegerResponse{CorrelationID: id, Result: broker.XAVoteReadOnly}, expect[*codec.IntegerResponse](p))
	b.answer = func(string, any) error {
		return &broker.Error{Kind: broker.ErrTransaction, Text: "no", Code: broker.XAErrProtocol}
	}
	require.Equal(t, &message.Throwable{Class: "javax.transaction.xa.XAException", Message: "no xaErrorCode:-6"},
		p.refused(&codec.TransactionInfo{Connection: "c", Transaction: xid, Operation: codec.Prepare}))
}

func TestRecoverAnswersPreparedBranches(t *testing.T) {
	p := serve(t, &fakeBroker{}, "").connected()
	id := p.request(&codec.TransactionInfo{Connection: "c", Operation: codec.Recover})
	response := expect[*codec.DataArrayResponse](p)
	require.Equal(t, id, response.CorrelationID)
	require.Equal(t, []any{xid, message.TransactionID{Connection: "c", Value: 7}}, response.Data)
}

func TestKeepAliveIsAnsweredInKind(t *testing.T) {
	p := serve(t, &fakeBroker{}, "").connected()
	p.request(&codec.KeepAlive{})
	expect[*codec.KeepAlive](p)
	p.oneway(&codec.KeepAlive{})
	p.ok(&codec.Flush{})
}

func TestShutdownEndsTheConnectionAfterWhatIsQueued(t *testing.T) {
	b := &fakeBroker{}
	s := serve(t, b, "")
	p := s.connected()
	for range 100 {
		b.peer().Deliver(message.Delivery{Consumer: consumer, Message: text("x")})
	}
	p.oneway(&codec.Shutdown{})
	require.Len(t, p.end(), 100)
	require.Eventually(t, func() bool { return s.listener.Connections() == 0 }, 5*time.Second, time.Millisecond)
	require.NotContains(t, s.log.String(), "level=WARN")
	require.Contains(t, b.called(), "close")
}

func TestRemovedConnectionRemovesItsSessions(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "").connected()
	p.ok(&message.SessionInfo{ID: sessionID})
	p.ok(&message.RemoveInfo{Object: message.ConnectionID("c"), LastDelivered: 9})
	require.Equal(t, []string{"connect c", "add session c:1", "remove session c:1 9", "leave"}, b.called())
	refusal := p.refused(text("x"))
	require.Equal(t, "java.lang.IllegalStateException", refusal.Class)
	require.Equal(t, "Cannot lookup a producer from a connection that had not been registered: c", refusal.Message)
}

func TestOneSocketMayCarrySeveralConnections(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "").connected()
	p.ok(&message.ConnectionInfo{ID: "d"})
	p.ok(&message.ConnectionInfo{ID: "d"}) // again: it is there
	p.ok(&message.SessionInfo{ID: message.SessionID{Connection: "d", Value: 1}})
	p.ok(&message.SessionInfo{ID: sessionID})
	require.Equal(t, []string{"connect c", "connect d", "add session d:1", "add session c:1"}, b.called())
}

func TestWhatIsNotRegisteredIsRefused(t *testing.T) {
	p := serve(t, &fakeBroker{}, "").dial()
	p.handshake(codec.DefaultWireFormatInfo())
	for _, test := range []struct {
		command any
		says    string
	}{
		{&message.SessionInfo{ID: sessionID}, "Cannot lookup a session from a connection that had not been registered: c"},
		{&message.ProducerInfo{ID: producer}, "Cannot add a producer to a connection that had not been registered: c"},
		{&message.ConsumerInfo{ID: consumer}, "Cannot add a consumer to a connection that had not been registered: c"},
		{text("x"), "Cannot lookup a producer from a connection that had not been registered: c"},
		{&message.Ack{Consumer: consumer}, "Cannot lookup a consumer from a connection that had not been registered: c"},
		{&message.Pull{Consumer: consumer}, "Cannot lookup a consumer from a connection that had not been registered: c"},
		{&message.RemoveInfo{Object: producer}, "Cannot lookup a producer from a connection that had not been registered: c"},
		{&message.RemoveInfo{Object: consumer}, "Cannot lookup a consumer from a connection that had not been registered: c"},
		{&message.RemoveInfo{Object: sessionID}, "Cannot lookup a session from a connection that had not been registered: c"},
		{&message.DestinationInfo{Connection: "c"}, "Cannot lookup a connectionId for a connection that had not been registered: c"},
		{&codec.TransactionInfo{Connection: "c"}, "Cannot lookup a connectionId for a connection that had not been registered: c"},
		{&codec.TransactionInfo{}, "Cannot lookup a connectionId for a connection that had not been registered: "},
	} {
		refusal := p.refused(test.command)
		require.Equal(t, &message.Throwable{Class: "java.lang.IllegalStateException", Message: test.says}, refusal)
	}
	require.Contains(t, p.refused(&message.RemoveInfo{Object: message.NewQueue("Q")}).Message, "Unknown remove command type")
}

func TestErrorsBecomeJavaExceptions(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "").connected()
	unknown := &message.DestinationInfo{Connection: "c", Destination: message.NewQueue("Q"), Operation: 9}
	require.Equal(t, &message.Throwable{Class: "java.io.IOException", Message: "Unknown operation type: 9"}, p.refused(unknown))
	wrap := func(kind error, text string) error { return &broker.Error{Kind: kind, Text: text} }
	for _, test := range []struct {
		err  error
		want message.Throwable
	}{
		{wrap(broker.ErrInvalidClientID, "t"), message.Throwable{Class: "javax.jms.InvalidClientIDException", Message: "t"}},
		{wrap(broker.ErrInvalidSelector, "t"), message.Throwable{Class: "javax.jms.InvalidSelectorException", Message: "t"}},
		{wrap(broker.ErrInvalidDestination, "t"), message.Throwable{Class: "javax.jms.InvalidDestinationException", Message: "t"}},
		{wrap(broker.ErrUnknownSubscription, "t"), message.Throwable{Class: "javax.jms.InvalidDestinationException", Message: "t"}},
		{wrap(broker.ErrDestinationInUse, "t"), message.Throwable{Class: "javax.jms.JMSException", Message: "t"}},
		{wrap(broker.ErrResourceAllocation, "t"), message.Throwable{Class: "javax.jms.ResourceAllocationException", Message: "t"}},
		{wrap(broker.ErrUnknownConsumer, "t"), message.Throwable{Class: "java.lang.IllegalStateException", Message: "t"}},
		{wrap(errors.Join(broker.ErrLimit, broker.ErrTooManyDestinations), "t"), message.Throwable{Class: "javax.jms.IllegalStateException", Message: "t"}},
		{fmt.Errorf("x: %w", &broker.MissingDestination{Destination: message.Destination{Kind: message.TempQueue, Name: "ID:a:1"}}),
			message.Throwable{Class: "org.apache.activemq.DestinationDoesNotExistException", Message: "temp-queue://ID:a:1"}},
		{wrap(broker.ErrSecurity, "t"), message.Throwable{Class: "java.lang.SecurityException", Message: "t"}},
		{wrap(broker.ErrTransaction, "Transaction 'TX:c:1' has not been started."),
			message.Throwable{Class: "javax.jms.JMSException", Message: "Transaction 'TX:c:1' has not been started."}},
		{&broker.Error{Kind: broker.ErrTransaction, Text: "t xaErrorCode:-4", Code: -4},
			message.Throwable{Class: "javax.transaction.xa.XAException", Message: "t xaErrorCode:-4"}},
		{fmt.Errorf("store: %w", store.ErrNoSpace),
			message.Throwable{Class: "javax.jms.ResourceAllocationException", Message: "store: no space left in the message store"}},
		{errors.New("t"), message.Throwable{Class: "javax.jms.JMSException", Message: "t"}},
	} {
		b.answer = func(string, any) error { return test.err }
		require.Equal(t, &test.want, p.refused(text("x")), "%v", test.err)
		p.oneway(text("x")) // nothing waits: the client is told all the same
		require.Equal(t, &test.want, expect[*codec.ConnectionError](p).Exception)
	}
}

func TestErrorsThatLeaveTheOutcomeOpenAreNotAnswered(t *testing.T) {
	for _, err := range []error{broker.ErrClosed, store.ErrClosed, store.ErrFailed, store.ErrLeaseLost, context.Canceled} {
		for _, wanted := range []bool{true, false} {
			p := serve(t, &fakeBroker{answer: func(string, any) error { return fmt.Errorf("x: %w", err) }}, "").connected()
			p.write(codec.Header{CommandID: 5, ResponseRequired: wanted}, text("x"))
			require.Empty(t, p.end())
		}
	}
}

func TestUnknownCommandsAreRefused(t *testing.T) {
	for _, tight := range []bool{false, true} {
		s := serve(t, &fakeBroker{}, fmt.Sprintf("wireFormat.tightEncodingEnabled=%t", tight))
		p := s.connected()
		frame := []byte{0, 0, 0, 10, 77, 0, 0, 0, 42, 1, 'x', 'y', 'z', 0}
		if tight {
			frame = []byte{0, 0, 0, 10, 77, 1, 1, 0, 0, 0, 42, 'x', 'y', 'z'}
		}
		_, err := p.socket.Write(frame)
		require.NoError(t, err)
		response := expect[*codec.ExceptionResponse](p)
		require.EqualValues(t, 42, response.CorrelationID)
		require.Equal(t, &message.Throwable{Class: "java.io.IOException", Message: "Unknown data type: 77"}, response.Exception)
		p.ok(&codec.Flush{})
	}
}

func TestLimitsOfProducersAndConsumers(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "", func(o *Options) {
		o.MaximumProducersAllowedPerConnection, o.MaximumConsumersAllowedPerConnection = 1, 1
	}).connected()
	p.ok(&message.SessionInfo{ID: sessionID})
	another := producer
	another.Value = 2
	p.ok(&message.ProducerInfo{ID: producer})
	p.ok(&message.ProducerInfo{ID: producer}) // sent again
	require.Equal(t, "Can't add producer on connection c: at maximum limit: 1", p.refused(&message.ProducerInfo{ID: another}).Message)
	p.ok(&message.ProducerInfo{ID: another, Destination: message.NewTopic("ActiveMQ.Advisory.X")})
	p.ok(&message.RemoveInfo{Object: another})
	p.ok(&message.RemoveInfo{Object: producer})
	p.ok(&message.ProducerInfo{ID: another})

	p.ok(&message.ConsumerInfo{ID: consumer})
	second := consumer
	second.Value = 2
	require.Equal(t, "Can't add consumer on connection c: at maximum limit: 1", p.refused(&message.ConsumerInfo{ID: second}).Message)
	p.ok(&message.RemoveInfo{Object: sessionID})
	p.ok(&message.SessionInfo{ID: sessionID})
	p.ok(&message.ConsumerInfo{ID: second})
}

func TestABridgeIntroducesItselfOnce(t *testing.T) {
	for name, second := range map[string]*codec.BrokerInfo{"twice": {ID: "x"}, "slave": {ID: "x", Slave: true}} {
		s := serve(t, &fakeBroker{}, "")
		p := s.connected()
		if name == "twice" {
			p.ok(&codec.BrokerInfo{ID: "x", DuplexConnection: true})
			require.Contains(t, s.log.String(), "duplex")
		}
		p.oneway(second)
		p.end()
		require.Eventually(t, func() bool { return s.listener.Connections() == 0 }, 5*time.Second, time.Millisecond)
		require.Contains(t, s.log.String(), "transport connection failed")
	}
}
