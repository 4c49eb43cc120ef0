package broker

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// A commit that adds to a full store waits, and the connection's other
// commands go on; so do transactions that only acknowledge.
func TestCommitWaitsForTheStore(t *testing.T) {
	s := newFullStore(t)
	s.full(false)
	f := startOn(t, s)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 5)
	s.full(true)
	tx := c.begin(1)
	for range 3 {
		require.NoError(t, c.send(c.make(p, orders, func(m *message.Message) { m.Transaction = tx })), "it is not asked yet")
	}
	committed := newOutcome()
	c.Commit(tx, true, committed.done)
	c.consumer(1, orders, 100)
	d := c.take(t, 5)
	acks := c.begin(2)
	ack := ackOf(message.StandardAck, d...)
	ack.Transaction = acks
	require.NoError(t, c.ack(ack))
	require.NoError(t, c.commit(acks))
	require.EqualValues(t, 5, f.stats(orders).Dequeued)
	require.Empty(t, committed, "committed while there is no room")
	s.full(false)
	require.NoError(t, committed.wait(t))
	require.Equal(t, count(6, 3), sequencesOf(c.take(t, 3)))
}

// A connection that ends takes a commit along that waits.
func TestWaitingCommitEndsWithItsConnection(t *testing.T) {
	s := newFullStore(t)
	f := startOn(t, s)
	c := f.connect()
	p := c.producer(1, orders)
	tx := c.begin(1)
	require.NoError(t, c.send(c.make(p, orders, func(m *message.Message) { m.Transaction = tx })))
	committed := newOutcome()
	c.Commit(tx, true, committed.done)
	c.Connection.Close()
	require.ErrorIs(t, committed.wait(t), ErrClosed)
	s.full(false)
	require.Zero(t, f.stats(orders).Size)
}

// fickle refuses units that it has admitted, as a journal does whose disk
// fills in that moment.
type fickle struct {
	store.Store
	refuse atomic.Int32 // so many more units that add
}

func (s *fickle) Append(u *store.Unit) {
	for i := range u.Ops {
		if u.Ops[i].Action == store.Add && s.refuse.Add(-1) >= 0 {
			done := u.Done
			go done(store.ErrNoSpace)
			return
		}
	}
	s.Store.Append(u)
}

func (s *fickle) Roomy() bool { return false }

// What the store refuses in that moment waits like all that comes after it.
func TestRefusedInThatMoment(t *testing.T) {
	s := &fickle{Store: newDisk(t)}
	f := startOn(t, s)
	c := f.connect()
	p := c.producer(1, orders)
	s.refuse.Store(3)
	require.NoError(t, c.send(c.make(p, orders)))
	s.refuse.Store(2)
	tx := c.begin(1)
	require.NoError(t, c.send(c.make(p, orders, func(m *message.Message) { m.Transaction = tx })))
	require.NoError(t, c.commit(tx))
	s.refuse.Store(1)
	require.NoError(t, c.send(c.make(p, orders)))
	c.consumer(1, orders, 100)
	require.Equal(t, count(1, 3), sequencesOf(c.take(t, 3)))

	s.refuse.Store(1)
	told := startOn(t, s, func(o *Options) { o.SendFailIfNoSpace = true }).connect()
	require.ErrorIs(t, told.send(told.make(told.producer(1, orders), orders)), ErrResourceAllocation)
}

// A branch that the store refuses to prepare is rolled back.
func TestPrepareRefused(t *testing.T) {
	s := &fickle{Store: newDisk(t)}
	f := startOn(t, s)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 1)
	got := c.take(t, 1)
	require.NoError(t, c.Begin(xid("1")))
	require.NoError(t, c.ack(ackIn(xid("1"), got...)))
	require.NoError(t, c.send(c.make(p, orders, in(xid("1")))))
	s.refuse.Store(1)
	_, err := c.prepare(xid("1"))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, XARollback, e.Code)
	require.Empty(t, c.Recover())
	require.ErrorIs(t, c.commit(xid("1")), ErrUnknownTransaction)
	require.Zero(t, f.uncommitted.Load())
	require.NoError(t, c.ack(ackOf(message.StandardAck, got...)), "it is in flight still")
	require.Zero(t, f.stats(orders).Size)
}
