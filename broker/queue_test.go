package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

var orders = message.NewQueue("ORDERS")

func TestQueueInOrder(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		f := start(t, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent })
		c := f.connect()
		p := c.producer(1, orders)
		c.sendN(p, orders, 50)
		c.consumer(1, orders, 1000)
		c.sendN(p, orders, 50)
		got := c.take(t, 100)
		require.Equal(t, count(1, 100), sequencesOf(got))
		for _, d := range got {
			require.Zero(t, d.RedeliveryCounter)
			require.NoError(t, c.ack(ackOf(message.StandardAck, d)))
		}
		s := f.stats(orders)
		require.Zero(t, s.Size)
		require.Zero(t, s.InFlight)
		require.Zero(t, s.Memory)
		require.EqualValues(t, 100, s.Dequeued)
	}
}
