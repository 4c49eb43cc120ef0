package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// again is the filter of what was delivered before.
type again struct{}

func (again) Match(_ *message.Message, redeliveries int32) bool { return redeliveries > 0 }

// TestSelectorsSeeRedelivery: a message that was given back is for consumers
// that had passed it over because nobody had had it, and a browser shows it as
// delivered before.
func TestSelectorsSeeRedelivery(t *testing.T) {
	f := start(t, func(o *Options) {
		o.ParseSelector = func(string) (Filter, error) { return again{}, nil }
	})
	c := f.connect()
	first := f.connect()
	id := first.consumer(1, orders, 2)
	selective := f.connect()
	selective.consumer(1, orders, 10, selecting("again"))
	p := c.producer(1, orders)
	c.sendN(p, orders, 3)
	first.take(t, 2)
	require.Zero(t, selective.count())

	require.NoError(t, first.RemoveConsumer(id, message.LastDeliveredUnknown))
	got := selective.take(t, 2)
	require.Equal(t, count(1, 2), sequencesOf(got))
	require.NoError(t, selective.ack(ackOf(message.StandardAck, got[0])))
	selective.Close()

	viewer := f.connect()
	viewer.consumer(1, orders, 10, func(i *message.ConsumerInfo) { i.Browser = true })
	shown := viewer.take(t, 3) // 2, 3 and the end
	require.Positive(t, shown[0].RedeliveryCounter)
	require.Zero(t, shown[1].RedeliveryCounter)
	require.Nil(t, shown[2].Message)
}
