package broker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func TestInspect(t *testing.T) {
	f := start(t, func(o *Options) {
		o.StoreLimit = 1 << 30
		o.Policy = func(d message.Destination) Policy {
			p := DefaultPolicy()
			if d == orders {
				p.MemoryLimit, p.ProducerFlowControl, p.BlockedProducerWarningInterval = 1<<20, false, time.Second
			}
			return p
		}
	})
	c := f.connect()
	c.sendN(c.producer(1, elsewhere), elsewhere, 2)
	c.sendN(c.producer(2, orders), orders, 3)
	all := f.Inspect()
	require.Len(t, all, 2)
	require.Equal(t, []message.Destination{orders, elsewhere}, []message.Destination{all[0].Destination, all[1].Destination}, "by name")
	_, limit := f.Memory()
	require.Equal(t, limit, all[1].MemoryLimit, "the broker's")
	require.True(t, all[1].ProducerFlowControl)
	require.EqualValues(t, 1<<20, all[0].MemoryLimit)
	require.False(t, all[0].ProducerFlowControl)
	require.Equal(t, time.Second, all[0].WarnInterval)
	require.Equal(t, f.stats(orders), all[0].DestinationStats)
	require.EqualValues(t, 1<<30, f.Space().StoreLimit)

	require.Zero(t, f.Departed())
	require.NoError(t, f.RemoveDestination(elsewhere))
	require.EqualValues(t, 2, f.Departed().Enqueued, "totals do not fall")
	require.Len(t, f.Inspect(), 1)
}
