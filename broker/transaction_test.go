package broker

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func in(id message.TransactionID) func(*message.Message) {
	return func(m *message.Message) { m.Transaction = id }
}

func ackIn(id message.TransactionID, d ...message.Delivery) *message.Ack {
	a := ackOf(message.StandardAck, d...)
	a.Transaction = id
	return a
}

func TestCommitIsAtomic(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		mode := func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent }
		f := start(t, mode)
		c := f.connect()
		p := c.producer(1, message.Destination{})
		replies := message.NewQueue("REPLIES")
		c.consumer(1, orders, 10)
		listener := f.connect()
		listener.consumer(1, replies, 10)
		listener.consumer(2, news, 10)
		c.sendN(p, orders, 3)
		got := c.take(t, 3)
		tx := c.begin(1)
		require.NoError(t, c.ack(ackIn(tx, got[:2]...)))
		require.NoError(t, c.send(c.make(p, replies, in(tx))))
		require.NoError(t, c.send(c.make(p, replies, in(tx), transient)))
		require.NoError(t, c.send(c.make(p, news, in(tx))))
		require.Zero(t, listener.count(), "visible before the commit")
		require.EqualValues(t, 3, f.stats(orders).Size)
		require.NoError(t, c.commit(tx))
		require.ElementsMatch(t, count(4, 3), sequencesOf(listener.take(t, 3)))
		require.EqualValues(t, 1, f.stats(orders).Size)
		require.EqualValues(t, 1, f.stats(orders).InFlight)

		err := c.commit(tx)
		require.ErrorIs(t, err, ErrUnknownTransaction)
		require.EqualError(t, err, "Transaction 'TX:ID:client-1:1' has not been started.")
		require.ErrorIs(t, c.rollback(tx), ErrTransaction)
	}
}

func TestRollback(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	id := c.consumer(1, orders, 10)
	c.sendN(p, orders, 2)
	got := c.take(t, 2)
	tx := c.begin(1)
	require.NoError(t, c.ack(ackIn(tx, got...)))
	require.NoError(t, c.send(c.make(p, orders, in(tx))))
	require.NoError(t, c.rollback(tx))
	require.EqualValues(t, 2, f.stats(orders).Size)
	require.Zero(t, c.count(), "the client itself delivers again what it has rolled back")

	// The messages can be acknowledged again, and committed.
	tx = c.begin(2)
	require.NoError(t, c.ack(ackIn(tx, got[0])))
	require.NoError(t, c.commit(tx))
	require.NoError(t, c.RemoveConsumer(id, 0))
	c.consumer(2, orders, 10)
	again := c.take(t, 1)[0]
	require.EqualValues(t, 2, again.Message.ID.ProducerSequence)
	require.EqualValues(t, 1, again.RedeliveryCounter)
}

func TestConsumerClosedInTransaction(t *testing.T) {
	for _, outcome := range []string{"commit", "rollback", "vanish"} {
		t.Run(outcome, func(t *testing.T) {
			f := start(t)
			for _, dest := range []message.Destination{orders, news} {
				c := f.connect(as("alice"))
				subscribe := func(i *message.ConsumerInfo) {
					if dest == news {
						i.SubscriptionName = "s"
					}
				}
				sender := f.connect()
				id := c.consumer(1, dest, 10, subscribe)
				sender.sendN(sender.producer(1, dest), dest, 3)
				got := c.take(t, 3)
				tx := c.begin(1)
				require.NoError(t, c.ack(ackIn(tx, got[0], got[1])))
				require.NoError(t, c.RemoveConsumer(id, message.LastDeliveredUnset))
				c.consumer(2, dest, 10, subscribe)
				require.Equal(t, []int64{3}, sequencesOf(c.take(t, 1)), "what the transaction holds is delivered again")
				switch outcome {
				case "commit":
					require.NoError(t, c.commit(tx))
					require.Zero(t, c.count())
					if dest == orders {
						require.EqualValues(t, 1, f.stats(dest).Size)
					}
					c.Connection.Close()
				case "rollback":
					require.NoError(t, c.rollback(tx))
					again := c.take(t, 2)
					require.Equal(t, count(1, 2), sequencesOf(again))
					require.EqualValues(t, 1, again[0].RedeliveryCounter)
					c.Connection.Close()
				case "vanish":
					c.Connection.Close()
					d := f.connect(as("alice"))
					d.consumer(1, dest, 10, subscribe)
					require.Equal(t, count(1, 3), sequencesOf(d.take(t, 3)))
					d.Connection.Close()
				}
			}
		})
	}
}

func TestVanishedClientIsRolledBack(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1)
	c.consumer(1, orders, 10)
	tx := c.begin(1)
	require.NoError(t, c.ack(ackIn(tx, c.take(t, 1)...)))
	require.NoError(t, c.send(c.make(p, orders, in(tx))))
	c.Connection.Close()
	d := f.connect()
	d.consumer(1, orders, 10)
	got := d.take(t, 1)
	require.EqualValues(t, 1, got[0].Message.ID.ProducerSequence)
	require.EqualValues(t, 1, got[0].RedeliveryCounter)
	require.EqualValues(t, 1, f.stats(orders).Size)
	require.ErrorIs(t, c.commit(tx), ErrClosed)
}

func TestFailedAsyncSendPoisonsTransaction(t *testing.T) {
	f := start(t, func(o *Options) { o.TransactionLimit = 10_000 })
	c := f.connect()
	p := c.producer(1, orders)
	tx := c.begin(1)
	var refused error
	for range 20 {
		c.Send(context.Background(), c.make(p, orders, in(tx)), false, func(err error) { refused = errors.Join(refused, err) })
	}
	require.ErrorIs(t, refused, ErrResourceAllocation)
	err := c.commit(tx)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, XARollback, e.Code)
	require.Zero(t, f.stats(orders).Size)
}

// A client that fails over within a transaction keeps in its list what the
// application has had of it, tells of each when it is delivered again, and
// goes on with the messages in between. Its range does not fit the order of
// delivery here.
func TestTransactionAcrossFailover(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	id := c.consumer(1, orders, 100)
	c.sendN(p, orders, 10)
	got := c.take(t, 10)
	again := func(d message.Delivery) {
		a := ackOf(message.DeliveredAck, d)
		a.First = message.MessageID{}
		require.NoError(t, c.ack(a))
	}
	again(got[1])
	again(got[3])
	again(got[5])
	// The application has had 2, 4, 6 and then 1, 3.
	list := []message.Delivery{got[1], got[3], got[5], got[0], got[2]}
	tx := c.begin(1)
	require.NoError(t, c.ack(ackIn(tx, list...)))
	require.NoError(t, c.commit(tx))
	require.EqualValues(t, 5, f.stats(orders).Size)
	tx = c.begin(2)
	require.NoError(t, c.ack(ackIn(tx, got[4], got[6])))
	require.NoError(t, c.commit(tx))
	require.NoError(t, c.RemoveConsumer(id, 0))
	c.consumer(2, orders, 100)
	require.Equal(t, count(8, 3), sequencesOf(c.take(t, 3)))
}

// The same list ends with a message that lies before the first.
func TestTransactionAcrossFailoverBackwards(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 100)
	c.sendN(p, orders, 5)
	got := c.take(t, 5)
	a := ackOf(message.DeliveredAck, got[2])
	a.First = message.MessageID{}
	require.NoError(t, c.ack(a))
	tx := c.begin(1)
	require.NoError(t, c.ack(ackIn(tx, got[2], got[0])))
	require.NoError(t, c.commit(tx))
	require.EqualValues(t, 3, f.stats(orders).Size)

	// More than the client says is never consumed after a failover.
	again := ackOf(message.DeliveredAck, got[4])
	again.First = message.MessageID{}
	require.NoError(t, c.ack(again))
	tx = c.begin(2)
	short := ackIn(tx, got[1], got[4])
	short.Count = 1
	require.ErrorIs(t, c.ack(short), ErrAcknowledge)
	require.NoError(t, c.rollback(tx))
	require.EqualValues(t, 3, f.stats(orders).Size)
}

func TestTransactedTopicAcks(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, news)
	c.consumer(1, news, 2)
	c.sendN(p, news, 6)
	tx := c.begin(1)
	require.NoError(t, c.ack(ackIn(tx, c.take(t, 2)...)))
	require.Zero(t, c.count())
	require.NoError(t, c.commit(tx))
	c.take(t, 2)
	require.Zero(t, c.count())
}

func xid(n string) message.TransactionID {
	return message.TransactionID{XA: true, XID: message.XID{FormatID: 1, Global: "g" + n, Branch: "b"}}
}

func (c *client) prepare(id message.TransactionID) (int32, error) {
	var vote int32
	o := newOutcome()
	c.Prepare(id, func(v int32, err error) { vote = v; o.done(err) })
	err := o.wait(c.t)
	return vote, err
}

func TestBranchSurvivesCrash(t *testing.T) {
	for _, commit := range []bool{true, false} {
		f := start(t)
		c := f.connect(as("alice"))
		p := c.producer(1, message.Destination{})
		c.sendN(p, orders, 3)
		c.consumer(1, orders, 10)
		c.consumer(2, news, 10, durableNamed("s"))
		got := c.take(t, 3)
		c.sendN(p, news, 2)
		heard := c.take(t, 2)
		id := xid("1")
		require.NoError(t, c.Begin(id))
		require.NoError(t, c.Begin(id))
		require.NoError(t, c.ack(ackIn(id, got[0])))
		require.NoError(t, c.ack(ackIn(id, heard[0])))
		require.NoError(t, c.send(c.make(p, orders, in(id))))
		require.NoError(t, c.End(id))
		vote, err := c.prepare(id)
		require.NoError(t, err)
		require.Equal(t, XAVoteOK, vote)

		f = f.crash()
		c = f.connect(as("alice"))
		require.Equal(t, []message.TransactionID{id}, c.Recover())
		c.consumer(1, orders, 10)
		require.Equal(t, count(2, 2), sequencesOf(c.take(t, 2)))
		c.consumer(2, news, 10, durableNamed("s"))
		require.Equal(t, []int64{5}, sequencesOf(c.take(t, 1)))
		require.Zero(t, c.count())
		o := newOutcome()
		if commit {
			c.Commit(id, false, o.done)
			require.NoError(t, o.wait(t))
			require.Equal(t, []int64{6}, sequencesOf(c.take(t, 1)))
			require.EqualValues(t, 3, f.stats(orders).Size)
		} else {
			c.Rollback(id, o.done)
			require.NoError(t, o.wait(t))
			require.ElementsMatch(t, []int64{1, 4}, sequencesOf(c.take(t, 2)))
			require.EqualValues(t, 3, f.stats(orders).Size)
		}
		require.Zero(t, c.count())
		require.Empty(t, c.Recover())
	}
}

func TestBranchStates(t *testing.T) {
	f := start(t)
	c, d := f.connect(), f.connect()
	p := c.producer(1, orders)
	code := func(err error) int32 {
		t.Helper()
		var e *Error
		require.ErrorAs(t, err, &e)
		return e.Code
	}
	require.NoError(t, c.Begin(xid("1")))
	vote, err := c.prepare(xid("1"))
	require.NoError(t, err)
	require.Equal(t, XAVoteReadOnly, vote)
	_, err = c.prepare(xid("1"))
	require.Equal(t, XAErrUnknown, code(err))

	require.NoError(t, c.Begin(xid("2")))
	require.NoError(t, c.send(c.make(p, orders, in(xid("2")))))
	o := newOutcome()
	c.Commit(xid("2"), false, o.done)
	require.Equal(t, XAErrProtocol, code(o.wait(t)))
	require.NoError(t, c.commit(xid("2")))
	require.EqualValues(t, 1, f.stats(orders).Size)

	// Prepared by one connection that vanishes, committed by another.
	require.NoError(t, c.Begin(xid("3")))
	require.NoError(t, c.send(c.make(p, orders, in(xid("3")))))
	_, err = c.prepare(xid("3"))
	require.NoError(t, err)
	require.NoError(t, c.Begin(xid("4")))
	require.NoError(t, c.send(c.make(p, orders, in(xid("4")))))
	require.Error(t, c.send(c.make(p, orders, in(xid("3")))), "work after prepare")
	c.Connection.Close()
	require.Equal(t, []message.TransactionID{xid("3")}, d.Recover())
	o = newOutcome()
	d.Commit(xid("3"), false, o.done)
	require.NoError(t, o.wait(t))
	require.EqualValues(t, 2, f.stats(orders).Size)
	require.Equal(t, XAErrUnknown, code(d.commit(xid("4"))))
	local := d.begin(1)
	_, err = d.prepare(local)
	require.ErrorIs(t, err, ErrTransaction)
}

// A branch whose destination was removed, and cannot be made again now, stays
// prepared; what it brings later leaves no count behind.
func TestBranchForADestinationThatIsGone(t *testing.T) {
	f := start(t, underPolicy(func(_ message.Destination, p *Policy) {
		p.MaxDestinations, p.Pattern = 1, message.NewQueue("q.>")
	}))
	c := f.connect()
	first, second := message.NewQueue("q.1"), message.NewQueue("q.2")
	p := c.producer(1, message.Destination{})
	id := xid("1")
	require.NoError(t, c.Begin(id))
	require.NoError(t, c.send(c.make(p, orders, in(id))))
	require.NoError(t, c.send(c.make(p, first, in(id))))
	_, err := c.prepare(id)
	require.NoError(t, err)
	require.NoError(t, f.RemoveDestination(first))
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: second, Operation: message.AddDestination}))
	for range 2 {
		o := newOutcome()
		c.Commit(id, false, o.done)
		var e *Error
		require.ErrorAs(t, o.wait(t), &e)
		require.Equal(t, XARetry, e.Code)
		require.Equal(t, []message.TransactionID{id}, c.Recover())
	}
	require.Zero(t, f.stats(orders).Size)
	require.NoError(t, f.RemoveDestination(second))
	o := newOutcome()
	c.Commit(id, false, o.done)
	require.NoError(t, o.wait(t))
	for _, dest := range []message.Destination{first, orders} {
		require.EqualValues(t, 1, f.stats(dest).Size)
		require.Zero(t, f.registry.find(dest).(*queue).adds.Load())
	}
}
