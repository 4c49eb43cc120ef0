package broker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// TestIDThatIsInTheQueue: a client without failover sends a message twice. The
// second time is confirmed and changes nothing, until the first is consumed.
func TestIDThatIsInTheQueue(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		t.Run(fmt.Sprint("concurrent ", concurrent), func(t *testing.T) {
			f := start(t, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent })
			c := f.connect()
			p := c.producer(1, orders)
			first := c.make(p, orders)
			again := func() error { return c.send(first.Copy()) }
			require.NoError(t, again())
			c.sendN(p, orders, 1)
			require.NoError(t, again())
			require.EqualValues(t, 2, f.stats(orders).Size, "it waits")
			c.consumer(1, orders, 10)
			got := c.take(t, 2)
			require.NoError(t, again())
			require.EqualValues(t, 2, f.stats(orders).Size, "a consumer has it")
			require.Zero(t, c.count())
			require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
			require.NoError(t, again())
			require.Equal(t, []int64{1}, sequencesOf(c.take(t, 1)), "it is consumed")
			require.Len(t, f.stored(orders), 1)
		})
	}
}
