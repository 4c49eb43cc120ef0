package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func TestPauseStopsDispatchAndNothingElse(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, message.Destination{})
	c.consumer(1, orders, 10)
	c.consumer(2, news, 10)
	c.sendN(p, orders, 2)
	got := c.take(t, 2)
	f.Pause()
	single, batches := f.Unacknowledged()
	require.Equal(t, 2, single)
	require.Zero(t, batches)
	c.sendN(p, orders, 3)
	require.NoError(t, c.ack(ackOf(message.StandardAck, got[0])))
	require.NoError(t, c.ack(ackOf(message.StandardAck, got[1])))
	single, batches = f.Unacknowledged()
	require.Zero(t, single+batches)
	f.Trickle()
	require.Zero(t, c.count(), "it acknowledges each message and has all of them acknowledged")
	require.EqualValues(t, 3, f.stats(orders).Size, "what is sent in a pause is stored")
	require.NoError(t, c.send(c.make(p, news)))
	require.Len(t, c.take(t, 1), 1, "a topic's subscriber has no other chance")
}

func TestTrickleCompletesATransaction(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	tx := c.begin(1)
	c.sendN(p, orders, 1)
	first := c.take(t, 1)
	f.Pause()
	c.sendN(p, orders, 3)
	_, batches := f.Unacknowledged()
	require.Equal(t, 1, batches)
	require.False(t, c.Retire(0), "the application has a message that it has not acknowledged")
	f.Trickle()
	second := c.take(t, 1)
	require.Zero(t, c.count(), "one at a time")
	require.NoError(t, c.ack(ackIn(tx, append(first, second...)...)))
	require.True(t, c.Retire(0), "all is claimed by the transaction")
	f.Trickle()
	require.Zero(t, c.count(), "no more deliveries after Retire")
	require.NoError(t, c.commit(tx))
	single, batches := f.Unacknowledged()
	require.Zero(t, single+batches)
	require.EqualValues(t, 2, f.stats(orders).Size)
}

func TestTrickleCompletesABatch(t *testing.T) {
	f := start(t)
	c := f.connect(func(i *message.ConnectionInfo) { i.ClientID = "durable" })
	p := c.producer(1, news)
	c.consumer(1, news, 10, func(i *message.ConsumerInfo) { i.SubscriptionName = "s" })
	c.sendN(p, news, 2)
	require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 2)...)))
	c.sendN(p, news, 1)
	first := c.take(t, 1)
	f.Pause()
	c.sendN(p, news, 2)
	require.Zero(t, c.count())
	f.Trickle()
	second := c.take(t, 1)
	require.False(t, c.Retire(1))
	require.True(t, c.Retire(2), "as many as the acknowledgement to come covers")
	require.NoError(t, c.ack(ackOf(message.StandardAck, append(first, second...)...)))
}
