package broker

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func tolerant(reconnect bool) func(*message.ConnectionInfo) {
	return func(i *message.ConnectionInfo) {
		i.ID, i.ClientID = "ID:tolerant", "tolerant"
		i.FaultTolerant, i.FailoverReconnect = true, reconnect
	}
}

func TestResentAfterFailover(t *testing.T) {
	f := start(t)
	c := f.connect(tolerant(false))
	for _, dest := range []message.Destination{orders, {}} {
		c.sendN(c.producer(int64(len(dest.Name)), dest), orders, 3)
	}
	f = f.crash()
	c = f.connect(tolerant(true))
	for _, dest := range []message.Destination{orders, {}} {
		p := c.producer(int64(len(dest.Name)), dest)
		c.sequences[p] = 1
		c.sendN(p, orders, 4) // 2 to 5: the first two were stored
	}
	require.EqualValues(t, 10, f.stats(orders).Size)
}

// A client whose connection broke while its send was on its way to the disk
// comes back to the same master and sends it again.
func TestResentToSameMaster(t *testing.T) {
	for _, noticed := range []bool{false, true} {
		d := newDisk(t)
		f := startOn(t, d)
		c := f.connect(tolerant(false))
		p := c.producer(1, orders)
		c.sendN(p, orders, 1)
		hold := make(chan struct{})
		o := newOutcome()
		d.Store.Append(barrier(hold))
		m := c.make(p, orders)
		c.Send(context.Background(), m, true, o.done)
		if noticed {
			c.Connection.Close()
		}
		c2 := f.connect(tolerant(true))
		c2.producer(1, orders)
		again := newOutcome()
		c2.Send(context.Background(), m.Copy(), true, again.done)
		select {
		case err := <-again:
			t.Fatal("confirmed before it is stored:", err)
		default:
		}
		close(hold)
		require.NoError(t, again.wait(t))
		require.EqualValues(t, 2, f.stats(orders).Size)
		c2.sequences[p] = 2
		c2.sendN(p, orders, 1)
		require.EqualValues(t, 3, f.stats(orders).Size)
	}
}

func TestReplayedTransaction(t *testing.T) {
	f := start(t)
	c := f.connect(tolerant(false))
	p := c.producer(1, orders)
	tx := c.begin(1)
	c.sendN(p, orders, 3, in(tx))
	require.NoError(t, c.commit(tx))
	tx = c.begin(2)
	c.sendN(p, orders, 3, in(tx)) // not committed: lost with the connection
	for i := range 2 {            // to the same master, and to the next one
		if i == 1 {
			f = f.crash()
		}
		c = f.connect(tolerant(true))
		c.producer(1, orders)
		tx = c.begin(2)
		c.sequences[p] = 3
		c.sendN(p, orders, 3, in(tx))
	}
	require.NoError(t, c.rollback(tx))
	c.sendN(p, orders, 1)
	require.EqualValues(t, 4, f.stats(orders).Size)
}

func TestNewClientIsNotAudited(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 3)
	c.sequences[p] = 0
	c.sendN(p, news, 1)
	require.EqualValues(t, 1, f.stats(news).Enqueued)
}

// A client that was cut off and comes back to the same master has not had an
// answer from another.
func TestBackAtTheSameMasterNothingIsSuspected(t *testing.T) {
	f := start(t, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = true })
	c := f.connect(tolerant(false))
	for n := range int64(2) {
		c.Connection.Close()
		c = f.connect(tolerant(true))
		c.consumer(1, orders, 10)
		c.sendN(c.producer(n, orders), orders, 1)
		got := c.take(t, 1)
		require.Zero(t, got[0].RedeliveryCounter)
		require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
	}
}

// With concurrent store and dispatch a message may have been delivered and
// consumed without ever having been stored, when the answer to its producer
// was lost with the master.
func TestResentMayHaveBeenDelivered(t *testing.T) {
	for _, c := range []struct{ concurrent, rival bool }{{false, false}, {true, false}, {false, true}} {
		mode := func(o *Options) {
			o.ConcurrentStoreAndDispatchQueues = c.concurrent
			o.Store.Recovered().Rival = c.rival
		}
		suspected := c.concurrent || c.rival
		f := start(t, mode)
		c := f.connect(tolerant(false))
		p := c.producer(1, orders)
		q := c.producer(2, orders)
		c.sendN(p, orders, 3)
		f = f.crash(mode)
		c = f.connect(tolerant(true))
		c.producer(1, orders)
		c.sequences[p] = 3
		c.consumer(1, orders, 10)
		c.sendN(p, orders, 2)
		got := c.take(t, 5)
		require.Equal(t, count(1, 5), sequencesOf(got))
		want := int32(0)
		if suspected {
			want = 1
		}
		require.Equal(t, want, got[3].RedeliveryCounter, "the first after the failover")
		require.Zero(t, got[4].RedeliveryCounter)
		made := c.producer(3, orders)
		c.sendN(made, orders, 1)
		require.Zero(t, c.take(t, 1)[0].RedeliveryCounter, "of a producer that was made since")

		// Known to this process all along: nothing is suspected.
		c.producer(2, orders)
		c.sendN(q, orders, 1)
		c.take(t, 1)
		c = f.connect(tolerant(true))
		c.producer(2, orders)
		c.sequences[q] = 1
		c.sendN(q, orders, 1)
		c.consumer(1, orders, 10)
		again := c.take(t, 8)
		require.Zero(t, again[7].RedeliveryCounter)
	}
}
