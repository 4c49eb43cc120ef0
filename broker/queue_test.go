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

func TestRoundRobinAndPriority(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	a := c.consumer(1, orders, 2)
	b := c.consumer(2, orders, 2)
	high := c.consumer(3, orders, 1, func(i *message.ConsumerInfo) { i.Priority = 5 })
	c.sendN(p, orders, 6)
	got := c.take(t, 5)
	var order []message.ConsumerID
	for _, d := range got {
		order = append(order, d.Consumer)
	}
	require.Equal(t, []message.ConsumerID{high, a, b, a, b}, order)
	require.NoError(t, c.ack(ackOf(message.StandardAck, got[2])))
	require.Equal(t, b, c.take(t, 1)[0].Consumer)
}

func TestExclusiveConsumer(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	exclusive := func(i *message.ConsumerInfo) { i.Exclusive = true }
	c.consumer(1, orders, 10)
	first := c.consumer(2, orders, 1, exclusive)
	second := c.consumer(3, orders, 10, exclusive)
	c.sendN(p, orders, 3)
	require.Equal(t, first, c.take(t, 1)[0].Consumer)
	require.Zero(t, c.count(), "the exclusive consumer is full, nobody else gets anything")
	require.NoError(t, c.RemoveConsumer(first, message.LastDeliveredUnset))
	for i, d := range c.take(t, 3) {
		require.Equal(t, second, d.Consumer)
		require.EqualValues(t, i+1, d.Message.ID.ProducerSequence)
	}
}

func TestPrefetchWindow(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 3)
	c.sendN(p, orders, 10)
	first := c.take(t, 3)
	require.Zero(t, c.count())
	delivered := ackOf(message.DeliveredAck, first...)
	require.NoError(t, c.ack(delivered))
	second := c.take(t, 3)
	require.Zero(t, c.count())
	require.NoError(t, c.ack(ackOf(message.StandardAck, append(first, second...)...)))
	require.Equal(t, count(7, 3), sequencesOf(c.take(t, 3)))
	require.Zero(t, c.count(), "the extension is gone with what it was for")
}

func TestPullWithoutPrefetch(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	id := c.consumer(1, orders, 0)
	pull := func(timeout int64) {
		require.NoError(t, c.Pull(&message.Pull{Consumer: id, Destination: orders, TimeoutMS: timeout}))
	}
	pull(-1)
	require.Nil(t, c.take(t, 1)[0].Message)
	pull(1)
	require.Nil(t, c.take(t, 1)[0].Message)
	c.sendN(p, orders, 2)
	require.Zero(t, c.count(), "nobody asked")
	pull(-1)
	require.EqualValues(t, 1, c.take(t, 1)[0].Message.ID.ProducerSequence)
	pull(0)
	require.EqualValues(t, 2, c.take(t, 1)[0].Message.ID.ProducerSequence)
	pull(0)
	c.sendN(p, orders, 1)
	require.EqualValues(t, 3, c.take(t, 1)[0].Message.ID.ProducerSequence)
	require.Zero(t, c.count())
}

func TestPullFromStore(t *testing.T) {
	f := start(t)
	c := f.connect()
	c.sendN(c.producer(1, orders), orders, 3)
	f = f.crash()
	c = f.connect()
	id := c.consumer(1, orders, 0)
	for i := range 3 {
		require.NoError(t, c.Pull(&message.Pull{Consumer: id, TimeoutMS: -1}))
		d := c.take(t, 1)[0]
		require.NotNil(t, d.Message, "the queue says that it is empty before it has looked")
		require.EqualValues(t, i+1, d.Message.ID.ProducerSequence)
	}
	require.NoError(t, c.Pull(&message.Pull{Consumer: id, TimeoutMS: -1}))
	require.Nil(t, c.take(t, 1)[0].Message)
}

func TestRecoveringClientSetsPrefetch(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	id := c.consumer(1, orders, 0)
	c.sendN(p, orders, 3)
	require.Zero(t, c.count())
	require.NoError(t, c.SetPrefetch(id, 10))
	require.Equal(t, count(1, 3), sequencesOf(c.take(t, 3)))
}

func TestReturnedInOrder(t *testing.T) {
	cases := []struct {
		name          string
		lastDelivered func([]message.Delivery) int64
		counters      []int32
	}{
		{"vanished", func([]message.Delivery) int64 { return message.LastDeliveredUnknown }, []int32{1, 1, 1, 1}},
		{"nothing delivered", func([]message.Delivery) int64 { return message.LastDeliveredUnset }, []int32{0, 0, 0, 0}},
		{"two delivered", func(d []message.Delivery) int64 { return d[2].Message.ID.BrokerSequence }, []int32{1, 1, 0, 0}},
		{"a foreign one delivered", func([]message.Delivery) int64 { return 1 << 40 }, []int32{0, 0, 0, 0}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			f := start(t)
			c := f.connect()
			p := c.producer(1, orders)
			id := c.consumer(1, orders, 5)
			c.sendN(p, orders, 10)
			got := c.take(t, 5)
			require.NoError(t, c.ack(ackOf(message.IndividualAck, got[0])))
			c.take(t, 1)
			require.NoError(t, c.RemoveConsumer(id, tc.lastDelivered(got)))
			c.consumer(2, orders, 100)
			again := c.take(t, 9)
			require.Equal(t, count(2, 9), sequencesOf(again))
			for i, want := range tc.counters {
				require.Equal(t, want, again[i].RedeliveryCounter, "message %d", i)
			}
			require.Zero(t, again[8].RedeliveryCounter)
		})
	}
}

func TestRolledBackByClient(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	id := c.consumer(1, orders, 5)
	c.sendN(p, orders, 2)
	got := c.take(t, 2)
	require.NoError(t, c.ack(ackOf(message.RedeliveredAck, got[0])))
	require.NoError(t, c.ack(ackOf(message.RedeliveredAck, got[0])))
	require.NoError(t, c.RemoveConsumer(id, got[0].Message.ID.BrokerSequence))
	c.consumer(2, orders, 5)
	again := c.take(t, 2)
	require.EqualValues(t, 2, again[0].RedeliveryCounter)
	require.Zero(t, again[1].RedeliveryCounter)
}

func TestBadAcknowledgements(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	id := c.consumer(1, orders, 10)
	c.sendN(p, orders, 5)
	got := c.take(t, 5)
	bad := func(why string, kind error, change func(*message.Ack)) {
		a := ackOf(message.StandardAck, got[1], got[2])
		change(a)
		require.ErrorIs(t, c.ack(a), kind, why)
	}
	bad("unknown consumer", ErrUnknownConsumer, func(a *message.Ack) { a.Consumer.Value = 99 })
	bad("unknown last", ErrAcknowledge, func(a *message.Ack) { a.Last.ProducerSequence = 99 })
	bad("unknown first", ErrAcknowledge, func(a *message.Ack) { a.First.ProducerSequence = 99 })
	bad("backwards", ErrAcknowledge, func(a *message.Ack) { a.First, a.Last = a.Last, a.First })
	bad("negative count", ErrAcknowledge, func(a *message.Ack) { a.Count = -1 })
	bad("hostile count", ErrAcknowledge, func(a *message.Ack) { a.Count = 1<<31 - 1 })
	bad("unknown type", ErrAcknowledge, func(a *message.Ack) { a.Type = 77 })
	bad("unknown transaction", ErrUnknownTransaction, func(a *message.Ack) { a.Transaction.Value = 4; a.Transaction.Connection = "x" })
	bad("delivered, unknown", ErrAcknowledge, func(a *message.Ack) { a.Type = message.DeliveredAck; a.Last.ProducerSequence = 99 })
	bad("poison, unknown", ErrAcknowledge, func(a *message.Ack) { a.Type = message.PoisonAck; a.Last.ProducerSequence = 99 })

	extend := ackOf(message.DeliveredAck, got[0])
	extend.Count = 1<<31 - 1
	require.NoError(t, c.ack(extend))
	c.sendN(p, orders, 20)
	require.Len(t, c.take(t, 10), 10)
	eventually(t, "acknowledged", func() bool { return f.stats(orders).Size == 25 })
	require.LessOrEqual(t, c.count(), 5, "a hostile count must not open the window for ever")

	require.NoError(t, c.ack(ackOf(message.IndividualAck, got[1])))
	require.ErrorIs(t, c.ack(ackOf(message.IndividualAck, got[1])), ErrAcknowledge, "twice")
	require.NoError(t, c.RemoveConsumer(id, 0))
	require.ErrorIs(t, c.ack(ackOf(message.IndividualAck, got[2])), ErrUnknownConsumer)
	require.ErrorIs(t, c.RemoveConsumer(id, 0), ErrUnknownConsumer)
}

func TestAckAfterFailoverIsIgnored(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	id := c.consumer(1, orders, 0)
	c.sendN(p, orders, 1)
	require.NoError(t, c.ack(&message.Ack{Type: message.StandardAck, Count: 1, Consumer: id, Last: message.MessageID{Producer: p, ProducerSequence: 1}}))
	require.EqualValues(t, 1, f.stats(orders).Size)
}
