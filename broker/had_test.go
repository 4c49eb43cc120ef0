package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// TestIndividuallyLeftIsRedelivered: what the application had and did not
// acknowledge is flagged, also if it has acknowledged the last one that it had.
func TestIndividuallyLeftIsRedelivered(t *testing.T) {
	for name, dest := range map[string]message.Destination{"queue": orders, "durable": news} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			sender := f.connect()
			p := sender.producer(1, dest)
			c := f.connect(as("alice"))
			id := c.consumer(1, dest, 10, durableNamed("s"))
			sender.sendN(p, dest, 6)
			got := c.take(t, 6)
			require.NoError(t, c.ack(ackOf(message.IndividualAck, got[1])))
			require.NoError(t, c.ack(ackOf(message.IndividualAck, got[3])))
			require.NoError(t, c.RemoveConsumer(id, got[3].Message.ID.BrokerSequence))
			c.consumer(2, dest, 10, durableNamed("s"))
			again := c.take(t, 4)
			require.Equal(t, []int64{1, 3, 5, 6}, sequencesOf(again))
			for i, want := range []int32{1, 1, 0, 0} {
				require.Equal(t, want, again[i].RedeliveryCounter, i)
			}
		})
	}
}

// TestNeverHadIsNotRedelivered: a consumer that has acknowledged a message gives
// back what was delivered to it later, though that was sent before: of a lower
// priority, or in a transaction that was committed after it.
func TestNeverHadIsNotRedelivered(t *testing.T) {
	left := func(t *testing.T, c *client, n int) {
		id := c.consumer(1, orders, 10)
		got := c.take(t, n)
		require.NoError(t, c.ack(ackOf(message.StandardAck, got[0])))
		require.NoError(t, c.RemoveConsumer(id, got[0].Message.ID.BrokerSequence))
		c.consumer(2, orders, 10)
		for _, d := range c.take(t, n-1) {
			require.Zero(t, d.RedeliveryCounter)
		}
	}
	t.Run("priority", func(t *testing.T) {
		c := start(t, underPolicy(func(_ message.Destination, p *Policy) { p.PrioritizedMessages = true })).connect()
		p := c.producer(1, orders)
		for _, priority := range []uint8{1, 9} {
			c.sendN(p, orders, 1, func(m *message.Message) { m.Priority = priority })
		}
		left(t, c, 2)
	})
	t.Run("transaction", func(t *testing.T) {
		c := start(t).connect()
		p, other := c.producer(1, orders), c.producer(2, orders)
		tx := c.begin(1)
		c.sendN(p, orders, 3, func(m *message.Message) { m.Transaction = tx })
		c.sendN(other, orders, 1)
		require.NoError(t, c.commit(tx))
		left(t, c, 4)
	})
}
