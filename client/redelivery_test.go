package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

func TestDelaysOfRedelivery(t *testing.T) {
	plain := RedeliveryPolicy{}.filled()
	require.Equal(t, RedeliveryPolicy{Maximum: 6, InitialDelay: time.Second, Delay: time.Second, Multiplier: 5, CollisionBy: 0.15}, plain)
	require.Equal(t, "RedeliveryPolicy {collisionAvoidanceFactor = 0.15, maximumRedeliveries = 6, maximumRedeliveryDelay = -1, "+
		"initialRedeliveryDelay = 1000, useCollisionAvoidance = false, useExponentialBackOff = false, backOffMultiplier = 5, "+
		"redeliveryDelay = 1000, preDispatchCheck = true}", plain.String())
	policy := RedeliveryPolicy{InitialDelay: 100, Delay: 200, BackOff: true, Multiplier: 3, MaximumDelay: 1000}.filled()
	var got []time.Duration
	delay := time.Duration(0)
	for repeat := range 5 {
		delay = policy.after(delay, repeat > 0, 0.5)
		got = append(got, delay)
	}
	require.Equal(t, []time.Duration{100, 300, 900, 1000, 1000}, got)
	require.Equal(t, time.Duration(200), policy.after(0, true, 0), "no delay to multiply")
	policy.Collision = true
	require.Equal(t, time.Duration(170), policy.after(0, true, 0))
	require.Equal(t, time.Duration(185), policy.after(0, true, 0.25))
	never := RedeliveryPolicy{Maximum: Never}.filled()
	require.True(t, never.exceeded(1))
	without := RedeliveryPolicy{Maximum: -1}.filled()
	require.False(t, without.exceeded(1000))
}

func TestDelaysStayWithinTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := RedeliveryPolicy{
			InitialDelay: time.Duration(rapid.Int64Range(-1, int64(time.Hour)).Draw(t, "initial")),
			Delay:        time.Duration(rapid.Int64Range(-1, int64(time.Hour)).Draw(t, "delay")),
			MaximumDelay: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "maximum")),
			BackOff:      rapid.Bool().Draw(t, "back-off"),
			Multiplier:   rapid.Float64Range(0, 1e6).Draw(t, "multiplier"),
			Collision:    rapid.Bool().Draw(t, "collision"),
			CollisionBy:  rapid.Float64Range(0, 1).Draw(t, "by"),
		}.filled()
		bound := time.Duration(float64(max(policy.InitialDelay, policy.Delay, policy.MaximumDelay)) * 2)
		delay := time.Duration(0)
		for repeat := range 20 {
			delay = policy.after(delay, repeat > 0, rapid.Float64Range(0, 0.999).Draw(t, "random"))
			require.GreaterOrEqual(t, delay, time.Duration(0))
			if policy.MaximumDelay > 0 || !policy.BackOff {
				require.LessOrEqual(t, delay, bound+1)
			}
		}
	})
}

func TestOthersPassWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(nil)
		conn, n := dialed(t, "tcp://broker?jms.nonBlockingRedelivery=true&wireFormat.maxInactivityDuration=0", Options{}, p)
		s := session(t, conn, ClientAcknowledge)
		c := consumer(t, s, ConsumerOptions{RedeliveryDelay: time.Minute})
		p.deliver(c.ID(), numbered(1, 3)...)
		require.Equal(t, int64(1), receive(t, c, 1)[0].Message.ID.ProducerSequence)
		require.NoError(t, s.Recover(t.Context()))
		begun := time.Now()
		for _, want := range []int64{2, 3} {
			require.Equal(t, want, receive(t, c, 1)[0].Message.ID.ProducerSequence)
		}
		require.Zero(t, time.Since(begun))
		_, ok, err := c.TryReceive(t.Context())
		require.NoError(t, err)
		require.False(t, ok)
		again := receive(t, c, 1)[0]
		require.Equal(t, time.Minute, time.Since(begun))
		require.Equal(t, []any{int64(1), int32(1)}, []any{again.Message.ID.ProducerSequence, again.RedeliveryCounter})
		require.NoError(t, conn.Close(t.Context()))
		n.all.Wait()
	})
}

func TestPriorityOrder(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker?jms.messagePrioritySupported=true", Options{}, p)
	s := session(t, conn, AutoAcknowledge)
	c := consumer(t, s, ConsumerOptions{})
	list := numbered(1, 6)
	for i, priority := range []uint8{4, 9, 4, 0, 9, 5} {
		list[i].Priority = priority
	}
	p.deliver(c.ID(), list...)
	session(t, conn, AutoAcknowledge) // all have arrived by now
	var got []int64
	for _, d := range receive(t, c, 3) {
		got = append(got, d.Message.ID.ProducerSequence)
	}
	more := numbered(7, 7)
	more[0].Priority = 7
	p.deliver(c.ID(), more...)
	session(t, conn, AutoAcknowledge)
	for _, d := range receive(t, c, 4) {
		got = append(got, d.Message.ID.ProducerSequence)
	}
	require.Equal(t, []int64{2, 5, 6, 7, 1, 3, 4}, got)
}

func TestWornMessagesAreNotGivenOut(t *testing.T) {
	_, c, p := setUp(t, Transacted, ConsumerOptions{MaximumRedeliveries: 2})
	list := numbered(1, 3)
	require.NoError(t, SetProperty(list[1], "redeliveryDelay", int64(5)))
	for _, m := range list {
		p.say(&message.Delivery{Consumer: c.ID(), Destination: m.Destination, Message: m, RedeliveryCounter: 3})
	}
	d := receive(t, c, 1)[0]
	require.Equal(t, int64(2), d.Message.ID.ProducerSequence, "counted by the broker's plugin")
	ack, _ := next[*message.Ack](t, p)
	require.Equal(t, message.PoisonAck, ack.Type)
	require.Contains(t, ack.PoisonCause.Message, "Dispatch[3] to ")
}

func TestAListenersErrorIsTheCause(t *testing.T) {
	_, c, p := setUp(t, AutoAcknowledge, ConsumerOptions{MaximumRedeliveries: 1, RedeliveryDelay: -1})
	p.deliver(c.ID(), numbered(1, 2)...)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := c.Listen(ctx, func(_ context.Context, d message.Delivery) error {
		if calls++; d.Message.ID.ProducerSequence == 1 {
			return errors.New("of my own making")
		}
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 3, calls)
	poison, _ := next[*message.Ack](t, p)
	require.Equal(t, message.PoisonAck, poison.Type)
	require.Contains(t, poison.PoisonCause.Message, "Delivery[2] exceeds redelivery policy limit:RedeliveryPolicy {")
	require.Contains(t, poison.PoisonCause.Message, "cause:of my own making")
	require.Equal(t, "of my own making", poison.PoisonCause.Cause.Message)
	require.Equal(t, ackOf{message.StandardAck, 1, 2, 2, false}, nextAck(t, p))
}

func TestOptimizedAcknowledgement(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker?jms.optimizeAcknowledge=true&jms.optimizeAcknowledgeTimeOut=0", Options{}, p)
	c := consumer(t, session(t, conn, AutoAcknowledge), ConsumerOptions{Prefetch: 10})
	info, _ := next[*message.ConsumerInfo](t, p)
	require.True(t, info.OptimizedAcknowledge)
	p.deliver(c.ID(), numbered(1, 8)...)
	receive(t, c, 8)
	require.Equal(t, ackOf{message.StandardAck, 7, 1, 7, false}, nextAck(t, p))
	_, ok, err := c.TryReceive(t.Context())
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, ackOf{message.StandardAck, 1, 8, 8, false}, nextAck(t, p), "nothing else has come")
}
