package openwire

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// faultTolerant is a client with failover: past its handshake.
func (s *server) faultTolerant() *peer {
	p := s.dial()
	p.handshake(codec.DefaultWireFormatInfo())
	p.ok(&message.ConnectionInfo{ID: "c", ClientID: "client", FaultTolerant: true})
	return p
}

// parking calls Park and returns what is closed when it has returned.
func (s *server) parking(t *testing.T) <-chan struct{} {
	parked := make(chan struct{})
	go func() {
		defer close(parked)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s.listener.Park(ctx)
	}()
	return parked
}

// goodbyes are the commands with which every planned end ends.
func goodbyes(t *testing.T, p *peer) {
	t.Helper()
	require.Equal(t, &codec.ConnectionControl{Close: true}, expect[*codec.ConnectionControl](p))
	expect[*codec.Shutdown](p)
	require.Empty(t, p.end())
}

func consuming(p *peer) {
	p.ok(&message.SessionInfo{ID: consumer.SessionID()})
	p.ok(&message.ConsumerInfo{ID: consumer, Destination: message.NewQueue("Q")})
}

func TestAParkedProducerWaitsUntilItIsDismissed(t *testing.T) {
	waiting := make(chan func(error), 1)
	b := &fakeBroker{send: func(_ context.Context, _ *message.Message, done func(error)) { waiting <- done }}
	s := serve(t, b, "")
	p := s.faultTolerant()
	first := p.request(text("x"))
	done := <-waiting
	parked := s.parking(t)
	<-sessionOf(s).read
	require.NotContains(t, b.called(), "close", "what was taken is answered first")
	done(nil)
	require.Equal(t, first, expect[*codec.Response](p).CorrelationID)
	<-parked
	require.Contains(t, b.called(), "close")
	p.request(text("for the next master"))
	b.peer().Fail(errParked)
	require.Len(t, b.sent, 1)
	require.Equal(t, 1, s.listener.Connections(), "its socket is open")
	s.listener.Dismiss()
	goodbyes(t, p)
	require.Zero(t, s.listener.Connections())
	require.NotContains(t, s.log.String(), "level=WARN")
}

func TestAConsumersLastAcknowledgementsAreRead(t *testing.T) {
	b := &fakeBroker{}
	s := serve(t, b, "", func(o *Options) { o.farewell = 10 * time.Second })
	p := s.faultTolerant()
	consuming(p)
	parked := s.parking(t)
	goodbyes(t, p)
	// The client has not noticed yet.
	p.oneway(&message.Ack{Consumer: consumer, Type: message.StandardAck, Count: 1})
	p.oneway(&message.Ack{Consumer: consumer, Type: message.StandardAck, Count: 2, Transaction: local})
	p.oneway(text("asynchronous"))
	p.request(&codec.TransactionInfo{Connection: "c", Transaction: local, Operation: codec.CommitOnePhase})
	p.socket.Close()
	<-parked
	s.listener.Dismiss()
	require.Len(t, b.acks, 1, "a transaction's acknowledgement is rolled back with it")
	require.Len(t, b.sent, 1)
	require.NotContains(t, b.called(), "commit")
	require.Contains(t, b.called(), "close")
}

func TestAClientThatDoesNotLeaveIsLeft(t *testing.T) {
	s := serve(t, &fakeBroker{}, "")
	p := s.faultTolerant()
	consuming(p)
	began := time.Now()
	<-s.parking(t)
	require.GreaterOrEqual(t, time.Since(began), farewellTime)
	require.Equal(t, farewellTime, s.protocol.options.farewell)
	s.listener.Dismiss()
	goodbyes(t, p)
}

var local = message.TransactionID{Connection: "c", Value: 1}

func tx(operation codec.TransactionOperation) *codec.TransactionInfo {
	return &codec.TransactionInfo{Connection: "c", Transaction: local, Operation: operation}
}

func TestATransactionEndsWithItsSession(t *testing.T) {
	for _, end := range []codec.TransactionOperation{codec.CommitOnePhase, codec.Rollback} {
		commits := make(chan func(error), 1)
		b := &fakeBroker{commit: func(done func(error)) { commits <- done }}
		s := serve(t, b, "")
		p := s.faultTolerant()
		p.ok(tx(codec.Begin))
		require.Equal(t, 1, s.listener.Transactions())
		s.listener.Unwind()
		p.ok(&codec.Flush{}) // goes on
		id := p.request(tx(end))
		if end == codec.CommitOnePhase {
			require.Eventually(t, func() bool { return s.listener.Transactions() == 0 }, 5*time.Second, time.Millisecond)
			(<-commits)(nil)
		}
		require.Equal(t, id, expect[*codec.Response](p).CorrelationID)
		goodbyes(t, p)
		p.socket.Close()
		require.Eventually(t, func() bool { return s.listener.Connections() == 0 }, 5*time.Second, time.Millisecond)
		require.Contains(t, b.called(), "close")
		require.NotContains(t, s.log.String(), "level=WARN")
	}
}

func TestASessionWithoutTransactionGoesOnUntilItIsParked(t *testing.T) {
	s := serve(t, &fakeBroker{}, "")
	p := s.faultTolerant()
	s.listener.Unwind()
	p.ok(text("x"))
	p.ok(&message.Ack{Consumer: consumer, Type: message.StandardAck, Count: 1})
	<-s.parking(t)
	s.listener.Dismiss()
	goodbyes(t, p)
}

func TestABatchEndsWithItsSession(t *testing.T) {
	s := serve(t, &fakeBroker{}, "")
	p := s.faultTolerant()
	consuming(p)
	s.listener.Unwind()
	id := p.request(&message.Ack{Consumer: consumer, Type: message.StandardAck, Count: 2})
	require.Equal(t, id, expect[*codec.Response](p).CorrelationID)
	goodbyes(t, p)
}

// TestTheLastAnswerAndTheEndComeTogether reads the socket once: a client must
// not have time between the two to begin what nobody will finish.
func TestTheLastAnswerAndTheEndComeTogether(t *testing.T) {
	commits := make(chan func(error), 1)
	b := &fakeBroker{commit: func(done func(error)) { commits <- done }}
	s := serve(t, b, "")
	p := s.faultTolerant()
	p.ok(tx(codec.Begin))
	s.listener.Unwind()
	id := p.request(tx(codec.CommitOnePhase))
	done := <-commits
	session := sessionOf(s)
	b.peer().Prefetch(consumer, message.NewQueue("Q"), 1) // would go out at once but for the cork
	require.NoError(t, p.socket.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err := p.socket.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, p.socket.SetReadDeadline(time.Now().Add(20*time.Second)))
	done(nil)
	expect[*codec.ConsumerControl](p)
	require.Equal(t, id, expect[*codec.Response](p).CorrelationID)
	goodbyes(t, p)
	p.socket.Close()
	<-session.ended
}

func TestOpenTransactionsAreCounted(t *testing.T) {
	var o openTransactions
	other := message.TransactionID{Connection: "c", Value: 2}
	require.False(t, o.follow(tx(codec.Begin)))
	require.False(t, o.follow(&codec.TransactionInfo{Transaction: other, Operation: codec.Begin}))
	require.False(t, o.follow(tx(codec.End)))
	require.False(t, o.follow(tx(codec.Rollback)))
	require.EqualValues(t, 1, o.n.Load())
	require.True(t, o.follow(&codec.TransactionInfo{Transaction: other, Operation: codec.Prepare}))
	require.Zero(t, o.n.Load())
	require.False(t, o.follow(tx(codec.Recover)))
}
