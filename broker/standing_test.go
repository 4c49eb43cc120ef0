package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func anew(o *Options) { o.ID = message.BrokerID(fmt.Sprintf("ID:%d", time.Now().UnixNano())) }

// A queue that a virtual topic feeds takes what is sent after a failover,
// though nothing ever came to it before. (ActiveMQ:
// QueueMasterSlaveTestSupport.testVirtualTopicFailover)
func TestFedQueueSurvives(t *testing.T) {
	virtual := virtually(VirtualTopic{Name: "VirtualTopic.>", Prefix: "Consumer.*."})
	f := start(t, virtual, anew)
	c := f.connect()
	c.consumer(1, queueA, 1)
	c.consumer(2, queueB, 1)
	c.consumer(3, message.NewQueue("other"), 1)
	c.Connection.Close()
	eventually(t, "stored", func() bool { return len(f.stored(standingQueue)) == 2 })

	for range 2 { // what is remembered is remembered by each master
		f = f.crash(virtual, anew)
		require.Nil(t, f.registry.find(message.NewQueue("other")))
		require.NotNil(t, f.registry.find(queueA))
		require.Len(t, f.stored(standingQueue), 2)
	}
	c = f.connect()
	c.sendN(c.producer(1, virtualOrders), virtualOrders, 3)
	require.EqualValues(t, 3, f.stats(queueA).Size)
	require.EqualValues(t, 3, f.stats(queueB).Size)

	require.NoError(t, c.RemoveDestination(&message.DestinationInfo{Destination: queueA, Operation: message.RemoveDestination}))
	eventually(t, "removed", func() bool { return len(f.stored(standingQueue)) == 1 })
	f = f.crash(virtual, anew)
	require.Nil(t, f.registry.find(queueA), "it was removed")
	require.EqualValues(t, 3, f.stats(queueB).Size)

	f = f.crash(anew, func(o *Options) { o.Virtual = nil })
	require.ErrorIs(t, f.connect().AddDestination(&message.DestinationInfo{Destination: standingQueue}), ErrInvalidDestination)
}
