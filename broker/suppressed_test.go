package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// refuse answers a delivery as a client does that has had it.
func (c *client) refuse(t *testing.T, d message.Delivery) {
	t.Helper()
	a := ackOf(message.PoisonAck, d)
	a.PoisonCause = &message.Throwable{Class: "java.lang.Throwable", Message: suppressed + ", consumer ID:x:1:1"}
	require.NoError(t, c.ack(a))
}

// given has a client send n messages and get them.
func (f *fixture) given(t *testing.T, n int) (c *client, p message.ProducerID, k message.ConsumerID, got []message.Delivery) {
	t.Helper()
	c = f.connect()
	p = c.producer(1, orders)
	k = c.consumer(1, orders, 10)
	c.sendN(p, orders, n)
	return c, p, k, c.take(t, n)
}

// What a client refuses because it has not yet forgotten its old connection is
// not consumed, and comes to it again when it has had time to forget.
func TestSuppressedIsAskedAgain(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t)
		c, _, _, got := f.given(t, 3)
		other := f.connect()
		other.consumer(1, orders, 10)
		c.refuse(t, got[1])
		require.NoError(t, c.ack(ackOf(message.StandardAck, got[0], got[2])), "what is refused is not in the range")
		began := time.Now()
		again := c.take(t, 1)[0]
		require.Equal(t, askAfter, time.Since(began))
		require.Equal(t, got[1].Message.ID, again.Message.ID)
		require.Positive(t, again.RedeliveryCounter)
		require.Len(t, f.stored(orders), 1)
		require.NoError(t, c.ack(ackOf(message.StandardAck, again)))
		require.Zero(t, f.stats(orders).Size)
		require.Zero(t, f.stats(orders).InFlight)
		require.Zero(t, f.stats(orders).Duplicates)
		require.Zero(t, other.count())
	})
}

func TestSuppressedTwiceIsConsumed(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t)
		c, p, _, got := f.given(t, 3)
		c.refuse(t, got[0])
		c.refuse(t, got[1])
		for _, d := range c.take(t, 2) {
			c.refuse(t, d)
		}
		require.EqualValues(t, 3, f.stats(orders).Size, "the client may acknowledge one by one")
		require.NoError(t, c.ack(ackOf(message.StandardAck, got[2])))
		require.Zero(t, f.stats(orders).Size)
		require.Zero(t, f.stats(dlq).Size)
		require.EqualValues(t, 2, f.stats(orders).Duplicates)

		c.sendN(p, orders, 1)
		c.refuse(t, c.take(t, 1)[0])
		c.refuse(t, c.take(t, 1)[0])
		require.Zero(t, f.stats(orders).Size)
		require.Zero(t, f.stats(orders).InFlight)
		synctest.Wait()
		require.Empty(t, f.stored(orders))
	})
}

// Who acknowledges one by one may have in hand what its library refuses.
func TestSuppressedWhileInHand(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t)
		c, _, k, got := f.given(t, 4)
		c.refuse(t, got[0])
		c.refuse(t, got[1])
		for _, d := range c.take(t, 2) {
			c.refuse(t, d)
		}
		require.NoError(t, c.ack(ackOf(message.IndividualAck, got[2])))
		require.NoError(t, c.ack(ackOf(message.IndividualAck, got[0])))
		require.EqualValues(t, 2, f.stats(orders).Size)
		c.refuse(t, got[3])
		synctest.Wait()
		other := f.connect()
		other.consumer(1, orders, 10)
		require.NoError(t, c.RemoveConsumer(k, got[2].Message.ID.BrokerSequence))
		left := other.take(t, 2)
		require.Equal(t, sequencesOf([]message.Delivery{got[1], got[3]}), sequencesOf(left))
		for _, d := range left {
			require.Positive(t, d.RedeliveryCounter)
		}
		require.NoError(t, other.ack(ackOf(message.StandardAck, left...)))
		require.Zero(t, f.stats(orders).InFlight)
	})
}

func TestSuppressedOfADurableSubscription(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t)
		c := f.connect(as("alice"))
		p := c.producer(1, news)
		k := c.consumer(1, news, 10, durableNamed("s"))
		c.sendN(p, news, 2)
		got := c.take(t, 2)
		c.refuse(t, got[0])
		require.NoError(t, c.RemoveConsumer(k, message.LastDeliveredUnknown))
		c.consumer(2, news, 10, durableNamed("s"))
		again := c.take(t, 2)
		require.Equal(t, sequencesOf(got), sequencesOf(again))
		c.refuse(t, again[0])
		again[0] = c.take(t, 1)[0]
		require.NoError(t, c.ack(ackOf(message.StandardAck, again[1])))
		require.NoError(t, c.ack(ackOf(message.StandardAck, again[0])))
		synctest.Wait()
		require.Empty(t, f.stored(news))
	})
}
