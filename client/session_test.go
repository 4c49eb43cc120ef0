package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

func TestDialAnnouncesTheClient(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker", Options{UserName: "me", Password: "secret"}, p)
	info, h := next[*message.ConnectionInfo](t, p)
	require.True(t, h.ResponseRequired)
	require.Equal(t, conn.ID(), info.ID)
	require.Equal(t, "me", info.UserName)
	require.Equal(t, "secret", info.Password)
	require.Equal(t, conn.ClientID(), info.ClientID)
	require.NotEmpty(t, info.ClientID)
	require.False(t, info.FaultTolerant)
	require.False(t, info.FailoverReconnect)
}

func TestDialReportsARefusal(t *testing.T) {
	p := newPeer(func(p *peer, h heard) bool {
		p.refuse(h, "java.lang.SecurityException", "User name [me] or password is invalid.")
		return true
	})
	n := &network{peers: []*peer{p}}
	_, err := Dial(t.Context(), "tcp://broker", Options{DialContext: n.dial})
	var remote *RemoteError
	require.ErrorAs(t, err, &remote)
	require.Equal(t, RemoteError{"java.lang.SecurityException", "User name [me] or password is invalid."}, *remote)
	n.all.Wait()
}

func TestCloseTakesLeave(t *testing.T) {
	p := newPeer(nil)
	conn, n := dialed(t, "tcp://broker", Options{}, p)
	require.NoError(t, conn.Close(t.Context()))
	gone, h := next[*message.RemoveInfo](t, p)
	require.True(t, h.ResponseRequired)
	require.Equal(t, conn.ID(), gone.Object)
	next[*openwire.Shutdown](t, p)
	n.all.Wait()
	require.ErrorIs(t, conn.Err(), ErrClosed)
	<-conn.Done()
	_, err := conn.Session(t.Context(), AutoAcknowledge)
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, conn.Close(t.Context()))
}

func TestSendWaitsForTheAnswerWhereItMatters(t *testing.T) {
	for name, tt := range map[string]struct {
		conn    Options
		opts    ProducerOptions
		mode    AckMode
		answers bool
	}{
		"persistent":            {mode: AutoAcknowledge, answers: true},
		"non-persistent":        {mode: AutoAcknowledge, opts: ProducerOptions{NonPersistent: true}},
		"transacted":            {mode: Transacted},
		"asynchronous":          {mode: AutoAcknowledge, conn: Options{AsyncSend: true}},
		"always synchronous":    {mode: AutoAcknowledge, conn: Options{SyncSend: true}, opts: ProducerOptions{NonPersistent: true}, answers: true},
		"synchronous in a unit": {mode: Transacted, conn: Options{SyncSend: true}, answers: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(nil)
			conn, _ := dialed(t, "tcp://broker", tt.conn, p)
			out := producer(t, session(t, conn, tt.mode), tt.opts)
			m := NewText("hello")
			require.NoError(t, out.Send(t.Context(), m))
			got, h := next[*message.Message](t, p)
			require.Equal(t, tt.answers, h.ResponseRequired)
			require.Equal(t, !tt.opts.NonPersistent, got.Persistent)
			require.Equal(t, tt.mode == Transacted, !got.Transaction.IsZero())
			require.Equal(t, uint8(4), got.Priority)
			require.Equal(t, int64(1), got.ID.ProducerSequence)
			require.NotZero(t, got.Timestamp)
			require.Empty(t, cmp.Diff(m, got), "the sender's message has the headers")
			text, err := Text(got)
			require.NoError(t, err)
			require.Equal(t, "hello", text)
		})
	}
}

func TestSendFailsAsTheBrokerSays(t *testing.T) {
	p := newPeer(func(p *peer, h heard) bool {
		if _, is := h.cmd.(*message.Message); is {
			p.refuse(h, "javax.jms.ResourceAllocationException", "full")
			return true
		}
		return false
	})
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	out := producer(t, session(t, conn, AutoAcknowledge), ProducerOptions{})
	var remote *RemoteError
	require.ErrorAs(t, out.Send(t.Context(), NewText("")), &remote)
	require.Equal(t, "javax.jms.ResourceAllocationException", remote.Class)
	outcome := make(chan error, 1)
	require.NoError(t, out.SendAsync(t.Context(), NewText(""), func(err error) { outcome <- err }))
	require.ErrorAs(t, <-outcome, &remote)
}

func TestSendEndsWithItsContext(t *testing.T) {
	p := newPeer(func(_ *peer, h heard) bool {
		_, is := h.cmd.(*message.Message)
		return is // never answered
	})
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	out := producer(t, session(t, conn, AutoAcknowledge), ProducerOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, out.Send(ctx, NewText("")), context.DeadlineExceeded)
	conn.mu.Lock()
	defer conn.mu.Unlock()
	require.Empty(t, conn.pending)
}

func TestProducerOptions(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	s := session(t, conn, AutoAcknowledge)
	out, err := s.Producer(t.Context(), message.Destination{}, ProducerOptions{
		NonPersistent: true, Priority: PriorityOf(9), TTL: time.Minute})
	require.NoError(t, err)
	require.Error(t, out.Send(t.Context(), NewText("")), "no destination")
	m := NewBytes([]byte{1})
	m.Destination = message.NewTopic("T")
	require.NoError(t, out.Send(t.Context(), m))
	got, _ := next[*message.Message](t, p)
	require.Equal(t, message.NewTopic("T"), got.Destination)
	require.Equal(t, uint8(9), got.Priority)
	require.Equal(t, got.Timestamp+60_000, got.Expiration)
	require.NoError(t, out.Close(t.Context()))
	require.ErrorIs(t, out.Send(t.Context(), m), ErrClosed)
	_, err = s.Producer(t.Context(), message.NewQueue("A?consumer.prefetchSize=1"), ProducerOptions{})
	require.ErrorIs(t, err, ErrUnsupportedOption)
}

func TestProducerWindow(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	out := producer(t, session(t, conn, AutoAcknowledge), ProducerOptions{NonPersistent: true, WindowSize: 1})
	require.NoError(t, out.Send(t.Context(), NewText("first")))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, out.Send(ctx, NewText("too early")), context.DeadlineExceeded)
	p.say(&openwire.ProducerAck{Producer: out.ID(), Size: 1 << 20})
	require.NoError(t, out.Send(t.Context(), NewText("second")))
}

func TestTransactionCommands(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	s := session(t, conn, Transacted)
	require.NoError(t, s.Commit(t.Context()), "nothing to commit")
	out := producer(t, s, ProducerOptions{})
	for _, op := range []openwire.TransactionOperation{openwire.CommitOnePhase, openwire.Rollback} {
		require.NoError(t, out.Send(t.Context(), NewText("a")))
		require.NoError(t, out.Send(t.Context(), NewText("b")))
		begin, h := next[*openwire.TransactionInfo](t, p)
		require.False(t, h.ResponseRequired)
		require.Equal(t, openwire.Begin, begin.Operation)
		first, _ := next[*message.Message](t, p)
		second, _ := next[*message.Message](t, p)
		require.Equal(t, begin.Transaction, first.Transaction)
		require.Equal(t, begin.Transaction, second.Transaction)
		end := s.Commit
		if op == openwire.Rollback {
			end = s.Rollback
		}
		require.NoError(t, end(t.Context()))
		ended, h := next[*openwire.TransactionInfo](t, p)
		require.True(t, h.ResponseRequired)
		require.Equal(t, op, ended.Operation)
		require.Equal(t, begin.Transaction, ended.Transaction)
	}
	require.ErrorIs(t, session(t, conn, AutoAcknowledge).Commit(t.Context()), ErrNotTransacted)
}

func TestTemporaryDestinations(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	d, err := conn.TempQueue(t.Context())
	require.NoError(t, err)
	require.Equal(t, message.Destination{Kind: message.TempQueue, Name: string(conn.ID()) + ":1"}, d)
	added, _ := next[*message.DestinationInfo](t, p)
	require.Equal(t, message.AddDestination, added.Operation)
	require.NoError(t, conn.Destroy(t.Context(), d))
	removed, _ := next[*message.DestinationInfo](t, p)
	require.Equal(t, message.RemoveDestination, removed.Operation)
	require.Equal(t, d, removed.Destination)
	require.NoError(t, conn.Unsubscribe(t.Context(), "sub"))
	gone, _ := next[*message.RemoveSubscriptionInfo](t, p)
	require.Equal(t, "sub", gone.Name)
	require.Equal(t, conn.ClientID(), gone.ClientID)
}

// TestARequestorThatCannotBeOpened leaves nothing behind.
func TestARequestorThatCannotBeOpened(t *testing.T) {
	p := newPeer(func(p *peer, h heard) bool {
		_, is := h.cmd.(*message.ProducerInfo)
		if is {
			p.refuse(h, "java.lang.SecurityException", "not you")
		}
		return is
	})
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	_, err := conn.Requestor(t.Context(), message.NewQueue("Q"), ProducerOptions{})
	require.ErrorContains(t, err, "not you")
	made, _ := next[*message.DestinationInfo](t, p)
	removed, _ := next[*message.DestinationInfo](t, p)
	require.Equal(t, message.RemoveDestination, removed.Operation)
	require.Equal(t, made.Destination, removed.Destination)
	require.Empty(t, conn.temps)
	require.Empty(t, conn.sessions)
}

func TestALostConnectionFailsEverything(t *testing.T) {
	p := newPeer(func(p *peer, h heard) bool {
		if _, is := h.cmd.(*message.Message); is {
			p.nc.Close()
			return true
		}
		return false
	})
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	s := session(t, conn, AutoAcknowledge)
	out, in := producer(t, s, ProducerOptions{}), consumer(t, s, ConsumerOptions{})
	require.ErrorIs(t, out.Send(t.Context(), NewText("")), ErrConnectionLost)
	_, err := in.Receive(t.Context())
	require.ErrorIs(t, err, ErrConnectionLost)
	require.ErrorIs(t, conn.Err(), ErrConnectionLost)
	require.NoError(t, s.Close(contextOf(t)), "it is gone, which is what was wanted")
}

// contextOf gives calls that cannot succeed little time.
func contextOf(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestTheBrokersOwnErrorsAreReported(t *testing.T) {
	p := newPeer(nil)
	reported := make(chan error, 1)
	conn, _ := dialed(t, "tcp://broker", Options{OnError: func(err error) { reported <- err }}, p)
	p.say(&openwire.ConnectionError{Exception: &message.Throwable{Class: "javax.jms.JMSException", Message: "late"}})
	var remote *RemoteError
	require.True(t, errors.As(<-reported, &remote))
	require.Equal(t, "late", remote.Message)
	p.say(&openwire.BrokerInfo{Name: "b", URL: "tcp://b:1"})
	p.say(&openwire.ConnectionControl{})
	session(t, conn, AutoAcknowledge) // an answer that comes after both
	name, url := conn.Broker()
	require.Equal(t, "b", name)
	require.Equal(t, "tcp://b:1", url)
}
