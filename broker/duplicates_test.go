package broker

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func detecting(o *Options) { o.DuplicateDetectionWindow = time.Minute }

func identified(t *testing.T, id string) func(*message.Message) {
	return bearing(t, message.Property{Name: propertyDuplicateID, Value: id})
}

func TestDuplicates(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, detecting)
		c := f.connect()
		c.consumer(1, orders, 100)
		p := c.producer(1, message.Destination{})
		for range 3 {
			require.NoError(t, c.send(c.make(p, orders, identified(t, "a"))))
		}
		require.NoError(t, c.send(c.make(p, orders, identified(t, "b"))))
		require.NoError(t, c.send(c.make(p, message.NewQueue("other"), identified(t, "a"))))
		require.NoError(t, c.send(c.make(p, orders)))
		got := c.take(t, 3)
		require.Equal(t, []int64{1, 4, 6}, sequencesOf(got))
		require.Zero(t, c.count())
		require.Len(t, f.stored(message.NewQueue("other")), 1)
		require.Len(t, f.stored(idQueue), 3)
		require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))

		time.Sleep(59 * time.Second)
		require.NoError(t, c.send(c.make(p, orders, identified(t, "a"))))
		synctest.Wait()
		require.Zero(t, c.count(), "consumed, and known still")
		time.Sleep(2 * time.Second)
		require.NoError(t, c.send(c.make(p, orders, identified(t, "a"))))
		require.Len(t, c.take(t, 1), 1)
		require.Len(t, f.stored(idQueue), 1)
	})
}

func TestDuplicatesAfterATakeOver(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, detecting)
		c := f.connect()
		p := c.producer(1, orders)
		for i := range 1000 {
			require.NoError(t, c.send(c.make(p, orders, identified(t, strings.Repeat("x", i+1)))))
		}
		time.Sleep(30 * time.Second)
		f = f.crash(detecting)
		c = f.connect()
		c.consumer(1, orders, 2000)
		p = c.producer(2, orders)
		for i := range 1000 {
			require.NoError(t, c.send(c.make(p, orders, identified(t, strings.Repeat("x", i+1)))))
		}
		synctest.Wait()
		require.Equal(t, 1000, c.count())
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Empty(t, f.stored(idQueue))
		require.Empty(t, f.duplicates.known)
		require.Zero(t, f.duplicates.total)
		require.Empty(t, f.duplicates.flights)
	})
}

// Ids of an earlier time go when the window is closed for good.
func TestDuplicatesTurnedOff(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, detecting)
		c := f.connect()
		require.NoError(t, c.send(c.make(c.producer(1, orders), orders, identified(t, "a"))))
		f = f.crash()
		synctest.Wait()
		require.Empty(t, f.stored(idQueue))
		c = f.connect()
		require.NoError(t, c.send(c.make(c.producer(2, orders), orders, identified(t, "a"))))
		require.Len(t, f.stored(orders), 2)
	})
}

func TestDuplicatesInTransactions(t *testing.T) {
	f := start(t, detecting)
	c := f.connect()
	p := c.producer(1, orders)
	in := func(id message.TransactionID, name string) *message.Message {
		return c.make(p, orders, identified(t, name), func(m *message.Message) { m.Transaction = id })
	}
	tx := c.begin(1)
	require.NoError(t, c.send(in(tx, "a")))
	require.NoError(t, c.rollback(tx))
	tx = c.begin(2)
	require.NoError(t, c.send(in(tx, "a")))
	require.NoError(t, c.send(in(tx, "a")))
	require.NoError(t, c.send(in(tx, "b")))
	require.NoError(t, c.commit(tx))
	require.Len(t, f.stored(orders), 2)
	tx = c.begin(3)
	require.NoError(t, c.send(in(tx, "a")))
	require.NoError(t, c.send(in(tx, "c")))
	require.NoError(t, c.commit(tx))
	require.NoError(t, c.send(c.make(p, orders, identified(t, "c"))))
	require.Len(t, f.stored(orders), 3)
	require.Len(t, f.stored(idQueue), 3)
	require.Empty(t, f.duplicates.flights)
}

// Who sends again what a prepared branch would store waits for its outcome,
// across a take-over too.
func TestDuplicatesInBranches(t *testing.T) {
	f := start(t, detecting)
	for round, commits := range []bool{true, false} {
		c := f.connect()
		p := c.producer(1, orders)
		id := xid(string(rune('a' + round)))
		require.NoError(t, c.Begin(id))
		require.NoError(t, c.send(c.make(p, orders, identified(t, id.XID.Global), func(m *message.Message) { m.Transaction = id })))
		voted := newOutcome()
		c.Prepare(id, func(_ int32, err error) { voted.done(err) })
		require.NoError(t, voted.wait(t))
		clients := f.clients
		f = f.crash(detecting)
		f.clients = clients
		c = f.connect()
		p = c.producer(1, orders)
		again := newOutcome()
		c.Send(context.Background(), c.make(p, orders, identified(t, id.XID.Global)), true, again.done)
		require.Empty(t, again)
		o := newOutcome()
		if commits {
			c.Commit(id, false, o.done)
			require.NoError(t, o.wait(t))
			require.NoError(t, again.wait(t))
		} else {
			c.Rollback(id, o.done)
			require.NoError(t, o.wait(t))
			require.Error(t, again.wait(t))
			require.NoError(t, c.send(c.make(p, orders, identified(t, id.XID.Global))))
		}
		require.Len(t, f.stored(orders), round+1)
	}
}

// A message on its way is waited for, and nobody is told that it is safe
// before it is.
func TestDuplicatesOnTheirWay(t *testing.T) {
	f := start(t, detecting)
	c := f.connect()
	p := c.producer(1, orders)
	hold := make(chan struct{})
	f.store.Append(barrier(hold))
	first, second := newOutcome(), newOutcome()
	c.Send(context.Background(), c.make(p, orders, identified(t, "a")), true, first.done)
	c.Send(context.Background(), c.make(p, orders, identified(t, "a")), true, second.done)
	tx := c.begin(1)
	require.NoError(t, c.send(c.make(p, orders, identified(t, "a"), func(m *message.Message) { m.Transaction = tx })))
	require.Empty(t, second)
	require.ErrorContains(t, c.commit(tx), "is being stored")
	close(hold)
	require.NoError(t, first.wait(t))
	require.NoError(t, second.wait(t))
	require.Len(t, f.stored(orders), 1)
}

func TestDuplicatesScheduled(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, detecting, scheduling)
		c := f.connect()
		c.consumer(1, orders, 10)
		p := c.producer(1, orders)
		for range 2 {
			require.NoError(t, c.send(c.make(p, orders, bearing(t, message.Property{Name: propertyDuplicateID, Value: "a"},
				message.Property{Name: scheduledDelay, Value: int64(1000)}))))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, c.count())
	})
}

func TestDuplicatesRefused(t *testing.T) {
	f := start(t, detecting)
	c := f.connect()
	p := c.producer(1, message.Destination{})
	for _, v := range []any{"", int32(1), strings.Repeat("x", maxIDLen+1)} {
		require.ErrorIs(t, c.send(c.make(p, orders, bearing(t, message.Property{Name: propertyDuplicateID, Value: v}))), ErrMessageFormat)
	}
	require.ErrorIs(t, c.send(c.make(p, idQueue)), ErrInvalidDestination)
	require.NoError(t, c.send(c.make(p, orders, bearing(t, message.Property{Name: propertyDuplicateID, Value: nil}))))
	require.Len(t, f.stored(orders), 1)
}

// Whatever is bounded is bounded.
func TestDuplicatesBound(t *testing.T) {
	f := start(t, detecting)
	d := &f.duplicates
	for i := range maxIDs + 10 {
		m := d.record(idKey{orders, strings.Repeat("i", i%50) + string(rune(i))})
		d.mu.Lock()
		d.rememberLocked(m)
		d.mu.Unlock()
	}
	require.LessOrEqual(t, d.total, maxIDs)
	require.Equal(t, d.total, len(d.known[orders].at))
	require.Equal(t, d.total, len(d.known[orders].order))
}
