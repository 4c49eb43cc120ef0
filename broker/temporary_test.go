package broker

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func tempQueue(c *client, n int) message.Destination {
	return message.Destination{Kind: message.TempQueue, Name: fmt.Sprintf("%s:%d", c.session.Connection, n)}
}

func TestTemporaryQueuesBelongToTheirConnection(t *testing.T) {
	f := start(t)
	owner, other := f.connect(), f.connect()
	q := tempQueue(owner, 1)
	add := &message.DestinationInfo{Destination: q}
	require.ErrorIs(t, other.AddDestination(add), ErrInvalidDestination)
	p := other.producer(1, message.Destination{})
	err := other.send(other.make(p, q))
	require.ErrorIs(t, err, ErrUnknownDestination)
	require.EqualError(t, err, "The destination "+q.String()+" does not exist.")
	require.NoError(t, owner.AddDestination(add))
	require.NoError(t, other.send(other.make(p, q)))
	foreign := &message.ConsumerInfo{ID: message.ConsumerID{Connection: other.session.Connection, Session: 1, Value: 1}, Destination: q}
	require.ErrorIs(t, other.AddConsumer(foreign), ErrInvalidDestination)
	require.ErrorIs(t, other.RemoveDestination(add), ErrInvalidDestination)
	owner.consumer(1, q, 10)
	owner.take(t, 1)
	owner.Connection.Close()
	require.ErrorIs(t, other.send(other.make(p, q)), ErrUnknownDestination)
	// The client comes back with what it had.
	back := f.connect(func(i *message.ConnectionInfo) {
		i.ID, i.ClientID, i.FailoverReconnect = owner.session.Connection, "back", true
	})
	require.NoError(t, back.AddDestination(add))
	require.NoError(t, other.send(other.make(p, q)))
	require.NoError(t, back.RemoveDestination(add))
	require.Nil(t, f.registry.find(q))
}

func TestTemporaryQueuesOnRequest(t *testing.T) {
	f := start(t, func(o *Options) {
		o.AllowTempAutoCreationOnSend = true
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.AllowTempDestinationStealing, p.GCInactiveDestinations, p.InactiveTimeoutBeforeGC = true, true, 1
			return p
		}
	})
	a, b := f.connect(), f.connect()
	q := tempQueue(a, 1)
	b.sendN(b.producer(1, message.Destination{}), q, 1)
	b.consumer(1, q, 1)
	require.NoError(t, b.ack(ackOf(message.StandardAck, b.take(t, 1)...)))
	own := tempQueue(a, 2)
	a.sendN(a.producer(1, message.Destination{}), own, 1)
	a.Connection.Close()
	require.Nil(t, f.registry.find(own), "its owner is gone")
	b.Connection.Close()
	eventually(t, "what was created for somebody else is idle", func() bool { return f.purge() == 1 })
	require.Empty(t, f.registry.all())
}

// TestManyTemporaryQueues: each takes little, and gives it back.
func TestManyTemporaryQueues(t *testing.T) {
	const n, bound = 100_000, 2500 // bytes each
	f := start(t)
	c := f.connect()
	before := heap()
	for i := range n {
		require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: tempQueue(c, i)}))
	}
	err := c.AddDestination(&message.DestinationInfo{Destination: tempQueue(c, n)})
	require.ErrorIs(t, err, ErrLimit)
	each := (heap() - before) / n
	t.Logf("%d bytes each", each)
	require.Less(t, each, int64(bound))
	for i := range n {
		require.NoError(t, c.RemoveDestination(&message.DestinationInfo{Destination: tempQueue(c, i)}))
	}
	require.Empty(t, f.registry.all())
	left := (heap() - before) / n
	t.Logf("%d bytes each are left", left)
	require.Less(t, left, int64(bound/25))
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: tempQueue(c, 1)}))
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestRepliesThatOvertake: a reply waits for the temporary queue of a client of
// another broker, or of one that is failing over.
func TestRepliesThatOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		service, far := f.connect(), f.connect(func(i *message.ConnectionInfo) { i.FailoverReconnect = true })
		asked := message.Destination{Kind: message.TempQueue, Name: "ID:elsewhere-1-1-1:1:1"}
		p, q := service.producer(1, message.Destination{}), far.producer(1, message.Destination{})
		require.ErrorIs(t, service.send(service.make(p, asked)), ErrUnknownDestination, "there is no other broker")

		require.NoError(t, far.send(far.make(q, asked)), "it may be failing over, too")
		require.NoError(t, service.send(service.make(p, asked)))
		back := f.connect(func(i *message.ConnectionInfo) { i.ID, i.FailoverReconnect = ownerOf(asked), true })
		add := &message.DestinationInfo{Destination: asked}
		require.NoError(t, back.AddDestination(add))
		require.Empty(t, f.awaited.timers, "it is its client's")
		back.consumer(1, asked, 10)
		require.Len(t, back.take(t, 2), 2)

		never := message.Destination{Kind: message.TempQueue, Name: "ID:elsewhere-1-1-2:1:1"}
		peer := PeerBroker{ID: "ID:other", Name: "other"}
		f.BridgeStarted(peer, false, "")
		began := time.Now()
		require.NoError(t, service.send(service.make(p, never)), "the other broker may be about to tell of it")
		require.Equal(t, int64(1), f.registry.find(never).base().stats.size.Load())
		require.Eventually(t, func() bool { return f.registry.find(never) == nil }, 2*temporaryGrace, time.Second, "nobody told of it")
		require.GreaterOrEqual(t, time.Since(began), temporaryGrace)
		require.NotNil(t, f.registry.find(asked), "it is its client's")
		require.NoError(t, back.RemoveDestination(add))
		require.ErrorIs(t, far.send(far.make(q, asked)), ErrUnknownDestination, "it was removed")
		require.ErrorIs(t, service.send(service.make(p, tempQueue(back, 9))), ErrUnknownDestination, "its client is here")
		f.BridgeStopped(peer)
		require.ErrorIs(t, far.send(far.make(q, never)), ErrUnknownDestination, "the failover is long over, too")
	})
}
