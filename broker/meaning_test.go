package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// failedOver is a client that had all n messages of a queue before, from a
// master that is gone.
func failedOver(t *testing.T, n int) (*fixture, *client, []message.Delivery) {
	t.Helper()
	f := start(t)
	sender := f.connect()
	sender.sendN(sender.producer(1, orders), orders, n)
	c := f.connect(tolerant(true))
	c.consumer(1, orders, 100)
	return f, c, c.take(t, n)
}

// recovered tells of a message that the application had before.
func (c *client) recovered(d message.Delivery) {
	c.t.Helper()
	a := ackOf(message.DeliveredAck, d)
	a.First = message.MessageID{}
	require.NoError(c.t, c.ack(a))
}

// requireOutOfStep asserts that a transaction is refused, that its client is
// sent away, and that it then has all n messages again, flagged.
func requireOutOfStep(t *testing.T, f *fixture, c *client, tx message.TransactionID, n int) {
	t.Helper()
	require.NoError(t, c.failure(), "it may roll back by itself")
	var e *Error
	require.ErrorAs(t, c.commit(tx), &e)
	require.Equal(t, XARollback, e.Code)
	require.ErrorIs(t, c.failure(), ErrOutOfStep)
	require.EqualValues(t, n, f.stats(orders).Size)
	c.Connection.Close()
	c = f.connect(tolerant(true))
	c.consumer(1, orders, 100)
	for _, d := range c.take(t, n) {
		require.EqualValues(t, 1, d.RedeliveryCounter)
	}
	require.Zero(t, c.count())
}

// What a client rolled back waits in it for the redelivery delay while it
// fails over once more. It passes that on first, and then all as it was
// delivered here. No message may be consumed that its application had not.
func TestClientOutOfStep(t *testing.T) {
	for name, list := range map[string][]int{
		"others between":     {1, 5, 10},
		"the same again":     {1, 2, 1, 2, 3},
		"ends before begins": {7, 8, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f, c, got := failedOver(t, 10)
			var had []message.Delivery
			for _, i := range list {
				had = append(had, got[i-1])
			}
			tx := c.begin(1)
			a := ackIn(tx, had...)
			require.EqualValues(t, len(list), a.Count)
			c.Acknowledge(a, false, func(err error) { require.ErrorIs(t, err, ErrAcknowledge) })
			requireOutOfStep(t, f, c, tx, 10)
		})
	}
}

// The copies from its own list are committed; the others come to the
// application too, with new ones behind them.
func TestClientOutOfStepAfterCommit(t *testing.T) {
	f, c, got := failedOver(t, 10)
	tx := c.begin(1)
	require.NoError(t, c.ack(ackIn(tx, got[:2]...)))
	require.NoError(t, c.commit(tx))
	require.NoError(t, c.failure())
	tx = c.begin(2)
	c.Acknowledge(ackIn(tx, got[:4]...), false, func(err error) { require.ErrorIs(t, err, ErrAcknowledge) })
	requireOutOfStep(t, f, c, tx, 8)
}

// A client that gives up forgets its list: it must not keep what is in it.
func TestPoisonOutOfStep(t *testing.T) {
	f, c, got := failedOver(t, 10)
	require.ErrorIs(t, c.ack(ackOf(message.PoisonAck, got[0], got[4], got[9])), ErrAcknowledge)
	require.ErrorIs(t, c.failure(), ErrOutOfStep)
	require.EqualValues(t, 10, f.stats(orders).Size)
	require.Zero(t, f.stats(message.NewQueue("ActiveMQ.DLQ")).Size)
}

// A list can hold nothing but messages that the application had before.
func TestTransactionOfRecovered(t *testing.T) {
	f, c, got := failedOver(t, 10)
	for _, i := range []int{1, 3, 5, 8} {
		c.recovered(got[i])
	}
	tx := c.begin(1)
	require.NoError(t, c.ack(ackIn(tx, got[1], got[3], got[5])))
	require.NoError(t, c.commit(tx))
	require.NoError(t, c.failure())
	require.EqualValues(t, 7, f.stats(orders).Size)
	require.NoError(t, c.RemoveConsumer(message.ConsumerID{Connection: "ID:tolerant", Session: 1, Value: 1}, 0))
	c.consumer(2, orders, 100)
	require.Equal(t, []int64{1, 3, 5, 7, 8, 9, 10}, sequencesOf(c.take(t, 7)))
}

// A client that never failed over means what it says, as with ActiveMQ.
func TestMiscountWithoutFailover(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 100)
	c.sendN(p, orders, 5)
	got := c.take(t, 5)
	tx := c.begin(1)
	a := ackIn(tx, got[:3]...)
	a.Count = 2
	require.NoError(t, c.ack(a))
	require.NoError(t, c.commit(tx))
	require.NoError(t, c.failure())
	require.EqualValues(t, 2, f.stats(orders).Size)
}

// A transaction whose acknowledgements went to the master that is gone is
// begun again by the client and then committed: its messages are all there.
func TestRestoredTransactionIsEmpty(t *testing.T) {
	f := start(t)
	c := f.connect(tolerant(true))
	tx := c.begin(1)
	var e *Error
	require.ErrorAs(t, c.commit(tx), &e)
	require.Equal(t, XARollback, e.Code)
	require.NoError(t, c.commit(c.begin(2)), "begun here")

	// The client sent again what it had sent, and that is all there was.
	c.Connection.Close()
	c = f.connect(tolerant(true))
	tx = c.begin(3)
	require.NoError(t, c.send(c.make(c.producer(1, orders), orders, in(tx))))
	require.NoError(t, c.commit(tx))
	require.EqualValues(t, 1, f.stats(orders).Size)
}

// An acknowledgement that comes before anything was delivered is lost, and so
// is its transaction.
func TestTransactedAckBeforeDelivery(t *testing.T) {
	f := start(t)
	c := f.connect(tolerant(true))
	p := c.producer(1, orders)
	id := c.consumer(1, orders, 0)
	c.sendN(p, orders, 1)
	tx := c.begin(1)
	early := &message.Ack{Type: message.StandardAck, Count: 1, Consumer: id, Transaction: tx, Last: message.MessageID{Producer: p, ProducerSequence: 1}}
	c.Acknowledge(early, false, func(err error) { require.ErrorIs(t, err, ErrAcknowledge) })
	require.NoError(t, c.rollback(tx))
	require.NoError(t, c.failure())
	early.Transaction = c.begin(2)
	c.Acknowledge(early, false, func(err error) { require.ErrorIs(t, err, ErrAcknowledge) })
	require.Error(t, c.commit(early.Transaction))
	require.ErrorIs(t, c.failure(), ErrOutOfStep)
	require.EqualValues(t, 1, f.stats(orders).Size)
}

// However often a client is sent away, that makes no dead letters.
func TestSentAwayCountsOnce(t *testing.T) {
	f, c, got := failedOver(t, 3)
	for range 8 {
		require.Error(t, c.ack(ackOf(message.PoisonAck, got[0], got[2], got[2], got[2])))
		require.ErrorIs(t, c.failure(), ErrOutOfStep)
		c.Connection.Close()
		c = f.connect(tolerant(true))
		c.consumer(1, orders, 100)
		got = c.take(t, 3)
	}
	require.EqualValues(t, 1, got[0].RedeliveryCounter)
}

// A rollback counts for those that were rolled back, not for others between.
func TestRollbackOfRecovered(t *testing.T) {
	_, c, got := failedOver(t, 5)
	c.recovered(got[0])
	c.recovered(got[4])
	require.NoError(t, c.ack(ackOf(message.RedeliveredAck, got[0], got[4])))
	require.ErrorIs(t, c.ack(ackOf(message.RedeliveredAck, got[0], got[2], got[4])), ErrAcknowledge)
	require.NoError(t, c.failure())
	require.NoError(t, c.RemoveConsumer(message.ConsumerID{Connection: "ID:tolerant", Session: 1, Value: 1}, message.LastDeliveredUnset))
	c.consumer(2, orders, 100)
	var counters []int32
	for _, d := range c.take(t, 5) {
		counters = append(counters, d.RedeliveryCounter)
	}
	require.Equal(t, []int32{1, 0, 0, 0, 1}, counters)
}
