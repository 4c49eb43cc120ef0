package client

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

const twoBrokers = "failover:(tcp://a:1,tcp://b:2)?initialReconnectDelay=1&maxReconnectDelay=5&randomize=false"

// dying breaks the connection when it hears a command of type T.
func dying[T any](p *peer, h heard) bool {
	_, is := h.cmd.(T)
	if is {
		p.nc.Close()
	}
	return is
}

func TestFailoverRestoresEverythingAndSendsAgain(t *testing.T) {
	first, second := newPeer(dying[*message.Message]), newPeer(nil)
	conn, n := dialed(t, twoBrokers, Options{}, first, nil, second)
	temp, err := conn.TempTopic(t.Context())
	require.NoError(t, err)
	s := session(t, conn, AutoAcknowledge)
	out, in := producer(t, s, ProducerOptions{}), consumer(t, s, ConsumerOptions{Selector: "a = 1"})
	closed := consumer(t, s, ConsumerOptions{})
	require.NoError(t, closed.Close(t.Context()))
	require.NoError(t, out.Send(t.Context(), NewText("survives")))

	info, h := next[*message.ConnectionInfo](t, second)
	require.True(t, info.FailoverReconnect)
	require.True(t, info.FaultTolerant)
	require.False(t, h.ResponseRequired)
	dest, _ := next[*message.DestinationInfo](t, second)
	require.Equal(t, temp, dest.Destination)
	again, _ := next[*message.SessionInfo](t, second)
	require.Equal(t, s.info.ID, again.ID)
	p, _ := next[*message.ProducerInfo](t, second)
	require.Equal(t, out.ID(), p.ID)
	c, _ := next[*message.ConsumerInfo](t, second)
	require.Equal(t, in.ID(), c.ID)
	require.Equal(t, "a = 1", c.Selector)
	m, h := next[*message.Message](t, second)
	require.True(t, h.ResponseRequired)
	require.Equal(t, int64(1), m.ID.ProducerSequence, "under its own id, so that the broker knows it")
	require.Equal(t, []string{"a:1", "b:2", "a:1"}, n.dials, "the broker that was lost comes last")
}

func TestFailoverBeforeTheFirstAnswer(t *testing.T) {
	second := newPeer(nil)
	dialed(t, twoBrokers, Options{}, newPeer(dying[*message.ConnectionInfo]), second)
	info, h := next[*message.ConnectionInfo](t, second)
	require.True(t, h.ResponseRequired)
	require.False(t, info.FailoverReconnect)
	require.Empty(t, second.heard, "announced once")
}

func TestFailoverRepeatsATransactionOfSends(t *testing.T) {
	first, second := newPeer(nil), newPeer(nil)
	conn, _ := dialed(t, twoBrokers, Options{}, first, second)
	s := session(t, conn, Transacted)
	out := producer(t, s, ProducerOptions{})
	m := NewText("one")
	require.NoError(t, out.Send(t.Context(), m))
	m.Content = NewText("two").Content
	require.NoError(t, out.Send(t.Context(), m))
	first.nc.Close()
	next[*message.SessionInfo](t, second)
	begin, _ := next[*openwire.TransactionInfo](t, second)
	require.Equal(t, openwire.Begin, begin.Operation)
	for i, want := range []string{"one", "two"} {
		got, _ := next[*message.Message](t, second)
		text, err := Text(got)
		require.NoError(t, err)
		require.Equal(t, want, text)
		require.Equal(t, int64(i+1), got.ID.ProducerSequence)
		require.Equal(t, begin.Transaction, got.Transaction)
	}
	require.NoError(t, s.Commit(t.Context()))
	end, _ := next[*openwire.TransactionInfo](t, second)
	require.Equal(t, openwire.CommitOnePhase, end.Operation)
}

func TestFailoverDuringCommitIsInDoubt(t *testing.T) {
	first := newPeer(func(p *peer, h heard) bool {
		info, is := h.cmd.(*openwire.TransactionInfo)
		if is && info.Operation == openwire.CommitOnePhase {
			p.nc.Close()
			return true
		}
		return false
	})
	second := newPeer(nil)
	conn, _ := dialed(t, twoBrokers, Options{}, first, second)
	s := session(t, conn, Transacted)
	out := producer(t, s, ProducerOptions{})
	require.NoError(t, out.Send(t.Context(), NewText("")))
	require.ErrorIs(t, s.Commit(t.Context()), ErrRolledBack)
	require.NoError(t, out.Send(t.Context(), NewText("")))
	require.NoError(t, s.Commit(t.Context()), "the next transaction is not concerned")
	begin, _ := next[*openwire.TransactionInfo](t, second)
	require.Equal(t, openwire.Begin, begin.Operation)
	require.Equal(t, int64(2), begin.Transaction.Value, "the first is not repeated")
}

// TestCloseAfterFailover: what a consumer had before a failover, and did not
// have confirmed, is flagged for the next: the broker is told when it can.
func TestCloseAfterFailover(t *testing.T) {
	for name, end := range map[string]func(s *Session, c *Consumer) error{
		"consumer": func(_ *Session, c *Consumer) error { return c.Close(t.Context()) },
		"session":  func(s *Session, _ *Consumer) error { return s.Close(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			first, second := newPeer(nil), newPeer(nil)
			conn, _ := dialed(t, twoBrokers, Options{}, first, second)
			s := session(t, conn, Transacted)
			in := consumer(t, s, ConsumerOptions{})
			first.deliver(in.ID(), numbered(1, 3)...)
			receive(t, in, 2)
			first.nc.Close()
			next[*message.ConsumerInfo](t, second)
			require.ErrorIs(t, s.Commit(t.Context()), ErrRolledBack)
			ended := make(chan error, 1)
			go func() { ended <- end(s, in) }()
			second.deliver(in.ID(), numbered(1, 2)...)
			require.NoError(t, <-ended)
			gone, _ := next[*message.RemoveInfo](t, second)
			require.Equal(t, in.ID(), gone.Object)
			require.Equal(t, message.LastDeliveredUnknown, gone.LastDelivered)
		})
	}
}

// TestCloseBetweenTwoLinks: a session that is closed while there is no link is
// announced to the next broker all the same, so that this gets back what its
// consumer had, with the word that it had that.
func TestCloseBetweenTwoLinks(t *testing.T) {
	first, second := newPeer(nil), newPeer(nil)
	interrupted, closing := make(chan struct{}), make(chan struct{})
	opts := Options{Transport: TransportListener{Interrupted: func(error) { close(interrupted); <-closing }}}
	conn, _ := dialed(t, twoBrokers, opts, first, second)
	s := session(t, conn, ClientAcknowledge)
	in := consumer(t, s, ConsumerOptions{})
	first.deliver(in.ID(), numbered(1, 3)...)
	receive(t, in, 2)
	first.nc.Close()
	<-interrupted
	ended := make(chan error, 1)
	go func() { ended <- s.Close(t.Context()) }()
	require.Eventually(t, func() bool { conn.mu.Lock(); defer conn.mu.Unlock(); return s.closed }, 5*time.Second, time.Millisecond)
	close(closing)
	again, _ := next[*message.ConsumerInfo](t, second)
	require.Equal(t, in.ID(), again.ID)
	second.deliver(in.ID(), numbered(1, 2)...)
	require.NoError(t, <-ended)
	gone, _ := next[*message.RemoveInfo](t, second)
	require.Equal(t, in.ID(), gone.Object)
	require.Equal(t, message.LastDeliveredUnknown, gone.LastDelivered)
	gone, _ = next[*message.RemoveInfo](t, second)
	require.Equal(t, s.info.ID, gone.Object)
}

// TestWhatIsLostIsForgotten: what a consumer had when its link was lost, and
// which does not come again, is not waited for for ever.
func TestWhatIsLostIsForgotten(t *testing.T) {
	first, second := newPeer(nil), newPeer(nil)
	conn, _ := dialed(t, twoBrokers, Options{}, first, second)
	s := session(t, conn, ClientAcknowledge)
	in := consumer(t, s, ConsumerOptions{Prefetch: 5})
	first.deliver(in.ID(), numbered(1, 3)...)
	receive(t, in, 3)
	first.nc.Close()
	next[*message.ConsumerInfo](t, second)
	second.deliver(in.ID(), numbered(3, 3+mayComeAgain)...)
	receive(t, in, 1+mayComeAgain)
	require.Len(t, in.lost, 2)
	second.deliver(in.ID(), numbered(1000, 1000)...)
	receive(t, in, 1)
	require.Empty(t, in.lost)
	require.NoError(t, s.Acknowledge(t.Context()))
	require.NoError(t, in.Close(t.Context()))
	gone, _ := next[*message.RemoveInfo](t, second)
	require.EqualValues(t, 1000, gone.LastDelivered)
}

func TestFailoverSpoilsATransactionThatConsumed(t *testing.T) {
	first, second := newPeer(nil), newPeer(nil)
	conn, _ := dialed(t, twoBrokers, Options{}, first, second)
	s := session(t, conn, Transacted)
	in, out := consumer(t, s, ConsumerOptions{}), producer(t, s, ProducerOptions{})
	first.deliver(in.ID(), numbered(1, 1)...)
	receive(t, in, 1)
	require.NoError(t, out.Send(t.Context(), NewText("")))
	first.nc.Close()
	next[*message.ConsumerInfo](t, second)
	require.ErrorIs(t, out.Send(t.Context(), NewText("")), ErrRolledBack)
	require.ErrorIs(t, s.Commit(t.Context()), ErrRolledBack)
	second.deliver(in.ID(), numbered(1, 1)...)
	receive(t, in, 1)
	require.NoError(t, s.Commit(t.Context()))
	begin, _ := next[*openwire.TransactionInfo](t, second)
	require.Equal(t, int64(2), begin.Transaction.Value)
	require.Equal(t, ackOf{message.StandardAck, 1, 1, 1, true}, nextAck(t, second))
}

func TestFailoverDropsWhatWasNotAcknowledged(t *testing.T) {
	first, second := newPeer(nil), newPeer(nil)
	conn, _ := dialed(t, twoBrokers, Options{}, first, second)
	s := session(t, conn, AutoAcknowledge)
	in := consumer(t, s, ConsumerOptions{})
	first.deliver(in.ID(), numbered(1, 3)...)
	receive(t, in, 1) // acknowledged, but the broker may never have heard
	first.nc.Close()
	next[*message.ConsumerInfo](t, second)
	second.deliver(in.ID(), numbered(1, 4)...)
	var got []int64
	for _, d := range receive(t, in, 3) {
		got = append(got, d.Message.ID.ProducerSequence)
	}
	require.Equal(t, []int64{2, 3, 4}, got)
	require.Equal(t, ackOf{message.IndividualAck, 1, 1, 1, false}, nextAck(t, second), "acknowledged again")
	require.Equal(t, ackOf{message.StandardAck, 1, 2, 2, false}, nextAck(t, second))
}

func TestFailoverForgetsClientAcknowledgements(t *testing.T) {
	first, second := newPeer(nil), newPeer(nil)
	conn, _ := dialed(t, twoBrokers, Options{}, first, second)
	s := session(t, conn, ClientAcknowledge)
	in := consumer(t, s, ConsumerOptions{})
	first.deliver(in.ID(), numbered(1, 2)...)
	receive(t, in, 2)
	first.nc.Close()
	next[*message.ConsumerInfo](t, second)
	require.NoError(t, s.Acknowledge(t.Context()))
	second.deliver(in.ID(), numbered(1, 1)...)
	receive(t, in, 1)
	require.NoError(t, s.Acknowledge(t.Context()))
	require.Equal(t, ackOf{message.StandardAck, 1, 1, 1, false}, nextAck(t, second))
}

func TestFailoverConfirmsAsynchronousSends(t *testing.T) {
	first, second := newPeer(dying[*message.Message]), newPeer(nil)
	conn, _ := dialed(t, twoBrokers, Options{}, first, second)
	out := producer(t, session(t, conn, AutoAcknowledge), ProducerOptions{})
	outcome := make(chan error, 10)
	m := NewText("0")
	for range 10 {
		require.NoError(t, out.SendAsync(t.Context(), m, func(err error) { outcome <- err }))
	}
	for i := range 10 {
		require.NoError(t, <-outcome)
		got, _ := next[*message.Message](t, second)
		require.Equal(t, int64(i+1), got.ID.ProducerSequence)
	}
}

func TestFailoverGivesUp(t *testing.T) {
	n := &network{}
	_, err := Dial(t.Context(), "failover:(tcp://a:1,tcp://b:2)?initialReconnectDelay=1&startupMaxReconnectAttempts=2",
		Options{DialContext: n.dial})
	require.ErrorIs(t, err, ErrConnectionLost)
	require.ErrorIs(t, err, errRefused)
	require.Len(t, n.dials, 4, "two rounds")

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = Dial(ctx, twoBrokers, Options{DialContext: n.dial})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	p := newPeer(dying[*message.SessionInfo])
	conn, _ := dialed(t, "failover:(tcp://a:1)?initialReconnectDelay=1&maxReconnectAttempts=2", Options{}, p)
	_, err = conn.Session(t.Context(), AutoAcknowledge)
	require.ErrorIs(t, err, ErrConnectionLost)
}

func TestCloseWhileNoBrokerServes(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, twoBrokers, Options{}, p)
	out := producer(t, session(t, conn, AutoAcknowledge), ProducerOptions{})
	p.nc.Close()
	outcome := make(chan error)
	go func() { outcome <- out.Send(t.Context(), NewText("")) }()
	require.NoError(t, conn.Close(t.Context()))
	require.Error(t, <-outcome)
	require.ErrorIs(t, conn.Err(), ErrClosed)
}

func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(nil)
		conn, _ := dialed(t, "tcp://broker?wireFormat.maxInactivityDuration=3000", Options{}, p)
		next[*message.ConnectionInfo](t, p)
		for range 3 {
			time.Sleep(1000 * time.Millisecond)
			p.say(&openwire.KeepAlive{}) // the peer lives
			synctest.Wait()
		}
		require.NoError(t, conn.Err())
		next[*openwire.KeepAlive](t, p)
		next[*openwire.KeepAlive](t, p)
		time.Sleep(10 * time.Second) // and then it does not
		synctest.Wait()
		require.ErrorIs(t, conn.Err(), errSilent)
		require.ErrorIs(t, conn.Err(), ErrConnectionLost)
	})
}

func TestAPeerThatNeverSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		defer theirs.Close()
		dial := func(context.Context, string, string) (net.Conn, error) { return ours, nil }
		begun := time.Now()
		_, err := Dial(t.Context(), "tcp://broker", Options{DialContext: dial})
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(begun))
	})
}
