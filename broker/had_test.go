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
