package openwire

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

func TestResponsesGoOutWhenTheyAreDone(t *testing.T) {
	waiting := make(chan func(error), 10)
	b := &fakeBroker{send: func(_ context.Context, _ *message.Message, done func(error)) { waiting <- done }}
	p := serve(t, b, "").connected()
	first, second, third := p.request(text("1")), p.request(text("2")), p.request(text("3"))
	p.ok(&codec.Flush{}) // later commands are not held up
	d1, d2, d3 := <-waiting, <-waiting, <-waiting
	d3(nil)
	require.Equal(t, third, expect[*codec.Response](p).CorrelationID)
	d1(&broker.Error{Kind: broker.ErrResourceAllocation, Text: "full"})
	require.Equal(t, first, expect[*codec.ExceptionResponse](p).CorrelationID)
	d2(nil)
	require.Equal(t, second, expect[*codec.Response](p).CorrelationID)
}

func TestCommandsReachTheBrokerInOrder(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "").connected()
	for i := range int64(500) {
		m := text("x")
		m.ID.ProducerSequence = i
		p.oneway(m)
		p.oneway(&message.Ack{Consumer: consumer, Count: int32(i)})
	}
	p.ok(&codec.Flush{})
	require.Len(t, b.sent, 500)
	for i := range b.sent {
		require.EqualValues(t, i, b.sent[i].ID.ProducerSequence)
		require.EqualValues(t, i, b.acks[i].Count)
	}
}

func TestDeliveriesAndControlsKeepTheirOrder(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "").connected()
	q := message.NewQueue("Q")
	m := text("body")
	b.peer().Deliver(message.Delivery{Consumer: consumer, Destination: q, Message: m, RedeliveryCounter: 2})
	b.peer().ProducerAck(producer, 77)
	b.peer().Prefetch(consumer, q, 5)
	b.peer().CloseConsumer(consumer)
	b.peer().Deliver(message.Delivery{Consumer: consumer, Destination: q})
	got := expect[*message.Delivery](p)
	require.Positive(t, got.Message.BrokerOutTime, "when it was written")
	require.Zero(t, m.BrokerOutTime, "the message is shared")
	m.BrokerOutTime = got.Message.BrokerOutTime
	require.Equal(t, &message.Delivery{Consumer: consumer, Destination: q, Message: m, RedeliveryCounter: 2}, got)
	require.Equal(t, &codec.ProducerAck{Producer: producer, Size: 77}, expect[*codec.ProducerAck](p))
	require.Equal(t, &codec.ConsumerControl{Consumer: consumer, Destination: q, Prefetch: 5}, expect[*codec.ConsumerControl](p))
	require.Equal(t, &codec.ConsumerControl{Consumer: consumer, Close: true}, expect[*codec.ConsumerControl](p))
	require.Nil(t, expect[*message.Delivery](p).Message)
}

func TestASlowClientIsNotToldWhyItsConnectionEnds(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "").connected()
	b.peer().Fail(&broker.Error{Kind: broker.ErrTooSlow, Text: "1 Consumers was slow"})
	require.Empty(t, p.end())
}

func TestTheBrokerMayEndAConnection(t *testing.T) {
	b := &fakeBroker{}
	s := serve(t, b, "")
	p := s.connected()
	b.peer().Fail(&broker.Error{Kind: broker.ErrInvalidClientID, Text: "stolen"})
	require.Equal(t, &message.Throwable{Class: "javax.jms.InvalidClientIDException", Message: "stolen"},
		expect[*codec.ConnectionError](p).Exception)
	require.Empty(t, p.end())
	require.Eventually(t, func() bool { return s.listener.Connections() == 0 }, 5*time.Second, time.Millisecond)
}

func TestParkLetsWhatWasTakenBeAnswered(t *testing.T) {
	waiting := make(chan func(error), 1)
	b := &fakeBroker{send: func(_ context.Context, _ *message.Message, done func(error)) { waiting <- done }}
	s := serve(t, b, "")
	p := s.connected()
	id := p.request(text("x"))
	done := <-waiting
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.listener.Park(t.Context())
		s.listener.Dismiss()
	}()
	<-sessionOf(s).read // commands are taken no more
	done(nil)
	require.Equal(t, id, expect[*codec.Response](p).CorrelationID)
	expect[*codec.Shutdown](p)
	require.Empty(t, p.end())
	<-stopped
	require.Contains(t, b.called(), "close")
	require.NotContains(t, s.log.String(), "level=WARN")
}

func sessionOf(s *server) *session {
	s.protocol.mu.Lock()
	defer s.protocol.mu.Unlock()
	for one := range s.protocol.sessions {
		return one
	}
	return nil
}

func TestParkDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBroker{send: func(ctx context.Context, _ *message.Message, done func(error)) {
			<-ctx.Done() // flow control
			done(ctx.Err())
		}}
		protocol, _ := newProtocol(t, b, "", nil)
		for _, request := range []any{text("x"), &codec.TransactionInfo{Connection: "c", Transaction: xid, Operation: codec.CommitTwoPhase}} {
			b.commit = func(func(error)) {} // never done
			near, far := net.Pipe()
			session := protocol.NewSession(near)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				session.Run()
			}()
			p := newPeer(t, far)
			p.handshake(codec.DefaultWireFormatInfo())
			p.ok(&message.ConnectionInfo{ID: "c"})
			p.request(request)
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			start := time.Now()
			session.Park(ctx)
			session.Dismiss()
			<-ended
			require.LessOrEqual(t, time.Since(start), 5*time.Second)
			cancel()
			far.Close()
		}
	})
}

func TestSilenceWritesNothingMore(t *testing.T) {
	waiting := make(chan func(error), 1)
	b := &fakeBroker{send: func(_ context.Context, _ *message.Message, done func(error)) { waiting <- done }}
	s := serve(t, b, "")
	p := s.connected()
	p.request(text("x"))
	done := <-waiting
	s.listener.Silence()
	done(nil)
	b.peer().Deliver(message.Delivery{Consumer: consumer, Message: text("x")})
	require.Empty(t, p.end())
	s.listener.Close()
	require.Contains(t, b.called(), "close")
	require.NotContains(t, s.log.String(), "level=WARN")
}
