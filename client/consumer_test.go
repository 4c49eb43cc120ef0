package client

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// ackOf drops what differs from run to run.
type ackOf struct {
	Type        message.AckType
	Count       int32
	First, Last int64
	InTx        bool
}

func nextAck(t *testing.T, p *peer) ackOf {
	t.Helper()
	a, h := next[*message.Ack](t, p)
	require.False(t, h.ResponseRequired)
	return ackOf{a.Type, a.Count, a.First.ProducerSequence, a.Last.ProducerSequence, !a.Transaction.IsZero()}
}

func setUp(t *testing.T, mode AckMode, opts ConsumerOptions) (*Session, *Consumer, *peer) {
	t.Helper()
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	s := session(t, conn, mode)
	return s, consumer(t, s, opts), p
}

func TestAutoAcknowledge(t *testing.T) {
	_, c, p := setUp(t, AutoAcknowledge, ConsumerOptions{})
	p.deliver(c.ID(), numbered(1, 2)...)
	list := receive(t, c, 2)
	require.Equal(t, int64(2), list[1].Message.ID.ProducerSequence)
	require.Equal(t, ackOf{message.StandardAck, 1, 1, 1, false}, nextAck(t, p))
	require.Equal(t, ackOf{message.StandardAck, 1, 2, 2, false}, nextAck(t, p))
	require.NoError(t, c.Close(t.Context()))
	gone, _ := next[*message.RemoveInfo](t, p)
	require.Equal(t, c.ID(), gone.Object)
	require.Equal(t, int64(2), gone.LastDelivered)
	_, err := c.Receive(t.Context())
	require.ErrorIs(t, err, ErrClosed)
}

func TestClientAcknowledge(t *testing.T) {
	s, c, p := setUp(t, ClientAcknowledge, ConsumerOptions{Prefetch: 4})
	p.deliver(c.ID(), numbered(1, 3)...)
	receive(t, c, 3)
	require.Equal(t, ackOf{message.DeliveredAck, 2, 1, 2, false}, nextAck(t, p), "half of the prefetch")
	require.NoError(t, s.Acknowledge(t.Context()))
	require.Equal(t, ackOf{message.StandardAck, 3, 1, 3, false}, nextAck(t, p))
	require.NoError(t, s.Acknowledge(t.Context()))
	require.NoError(t, c.Close(t.Context()))
	require.Len(t, p.heard, 1, "nothing more to acknowledge: the leave-taking alone")
}

func TestIndividualAcknowledge(t *testing.T) {
	_, c, p := setUp(t, IndividualAcknowledge, ConsumerOptions{})
	p.deliver(c.ID(), numbered(1, 3)...)
	list := receive(t, c, 3)
	require.NoError(t, c.Acknowledge(t.Context(), list[1]))
	require.Equal(t, ackOf{message.IndividualAck, 1, 2, 2, false}, nextAck(t, p))
	require.NoError(t, c.Acknowledge(t.Context(), list[1]), "again: not waiting any more")
	require.NoError(t, c.Acknowledge(t.Context(), list[0]))
	require.Equal(t, ackOf{message.IndividualAck, 1, 1, 1, false}, nextAck(t, p))
}

func TestDupsOKAcknowledgesInBatches(t *testing.T) {
	_, c, p := setUp(t, DupsOKAcknowledge, ConsumerOptions{Prefetch: 6})
	p.deliver(c.ID(), numbered(1, 5)...)
	require.Eventually(t, func() bool { // a consumer that finds nothing acknowledges what it has
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.arrived) == 5
	}, 10*time.Second, time.Millisecond)
	receive(t, c, 5)
	require.Equal(t, ackOf{message.StandardAck, 3, 1, 3, false}, nextAck(t, p))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Receive(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, ackOf{message.StandardAck, 2, 4, 5, false}, nextAck(t, p), "nothing else has come")
}

func TestTransactedConsumer(t *testing.T) {
	s, c, p := setUp(t, Transacted, ConsumerOptions{RedeliveryDelay: -1})
	p.deliver(c.ID(), numbered(1, 2)...)
	receive(t, c, 2)
	require.NoError(t, s.Rollback(t.Context()), "the broker is not told of the first time")
	for _, d := range receive(t, c, 2) {
		require.Equal(t, int32(1), d.RedeliveryCounter)
	}
	require.NoError(t, s.Rollback(t.Context()))
	require.Equal(t, ackOf{message.RedeliveredAck, 2, 1, 2, false}, nextAck(t, p))
	for _, d := range receive(t, c, 2) {
		require.Equal(t, int32(2), d.RedeliveryCounter)
	}
	require.NoError(t, s.Commit(t.Context()))
	require.Equal(t, ackOf{message.StandardAck, 2, 1, 2, true}, nextAck(t, p))
	end, _ := next[*openwire.TransactionInfo](t, p)
	require.Equal(t, openwire.CommitOnePhase, end.Operation)
}

func TestTooManyRedeliveriesPoison(t *testing.T) {
	s, c, p := setUp(t, ClientAcknowledge, ConsumerOptions{MaximumRedeliveries: 1, RedeliveryDelay: -1})
	p.deliver(c.ID(), numbered(1, 1)...)
	receive(t, c, 1)
	require.NoError(t, s.Recover(t.Context()))
	receive(t, c, 1)
	require.NoError(t, s.Recover(t.Context()))
	poison, _ := next[*message.Ack](t, p)
	require.Equal(t, message.PoisonAck, poison.Type)
	require.Contains(t, poison.PoisonCause.Message, "exceeds redelivery policy limit")
}

func TestRedeliveryKeepsOrderAndWaits(t *testing.T) {
	s, c, p := setUp(t, ClientAcknowledge, ConsumerOptions{RedeliveryDelay: 30 * time.Millisecond})
	p.deliver(c.ID(), numbered(1, 3)...)
	receive(t, c, 2)
	begun := time.Now()
	require.NoError(t, s.Recover(t.Context()))
	var got []int64
	for _, d := range receive(t, c, 3) {
		got = append(got, d.Message.ID.ProducerSequence)
	}
	require.Equal(t, []int64{1, 2, 3}, got)
	require.GreaterOrEqual(t, time.Since(begun), 30*time.Millisecond)
}

func TestExpiredMessagesAreNotGivenOut(t *testing.T) {
	_, c, p := setUp(t, AutoAcknowledge, ConsumerOptions{})
	list := numbered(1, 2)
	list[0].Expiration = 1
	p.deliver(c.ID(), list...)
	require.Equal(t, int64(2), receive(t, c, 1)[0].Message.ID.ProducerSequence)
	require.Equal(t, message.ExpiredAck, nextAck(t, p).Type)
}

func TestPullConsumer(t *testing.T) {
	_, c, p := setUp(t, AutoAcknowledge, ConsumerOptions{Prefetch: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := c.Receive(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	pull, _ := next[*message.Pull](t, p)
	require.Equal(t, c.ID(), pull.Consumer)
	p.deliver(c.ID(), numbered(1, 1)...)
	receive(t, c, 1)
	ack, _ := next[*message.Ack](t, p)
	require.Equal(t, message.StandardAck, ack.Type, "it asked once and not again while it waited")
}

func TestBrowser(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	b, err := session(t, conn, AutoAcknowledge).Browse(t.Context(), message.NewQueue("Q"), "a = 1")
	require.NoError(t, err)
	info, _ := next[*message.ConsumerInfo](t, p)
	require.True(t, info.Browser)
	require.Equal(t, "a = 1", info.Selector)
	require.Equal(t, int32(500), info.PrefetchSize)
	p.deliver(info.ID, numbered(1, 1)...)
	p.say(&message.Delivery{Consumer: info.ID, Destination: message.NewQueue("Q")})
	m, err := b.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), m.ID.ProducerSequence)
	_, err = b.Next(t.Context())
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, b.Close(t.Context()))
}

func TestTheBrokerClosesAConsumer(t *testing.T) {
	_, c, p := setUp(t, AutoAcknowledge, ConsumerOptions{})
	p.say(&openwire.ConsumerControl{Consumer: c.ID(), Close: true})
	_, err := c.Receive(t.Context())
	require.ErrorIs(t, err, ErrClosed)
}

func TestTheBrokerChangesAPrefetch(t *testing.T) {
	_, c, p := setUp(t, ClientAcknowledge, ConsumerOptions{Prefetch: 100})
	p.say(&openwire.ConsumerControl{Consumer: c.ID(), Prefetch: 2})
	p.deliver(c.ID(), numbered(1, 1)...)
	receive(t, c, 1)
	require.Equal(t, message.DeliveredAck, nextAck(t, p).Type)
}
