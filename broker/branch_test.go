package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// What a prepared branch has acknowledged is not shown to browsers, whether it
// was prepared here or under an earlier master.
func TestBrowserBesideBranches(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 2)
	c.sendN(p, orders, 2, transient)
	c.consumer(1, orders, 10)
	got := c.take(t, 4)
	require.NoError(t, c.Begin(xid("1")))
	require.NoError(t, c.ack(ackIn(xid("1"), got[0])))
	a := ackIn(xid("1"), got[2])
	a.Type = message.IndividualAck
	require.NoError(t, c.ack(a))
	_, err := c.prepare(xid("1"))
	require.NoError(t, err)
	shown := func(n int64) []int64 {
		b := f.connect()
		b.consumer(n, orders, 10, func(i *message.ConsumerInfo) { i.Browser = true })
		var seen []int64
		for d := b.take(t, 1)[0]; d.Message != nil; d = b.take(t, 1)[0] {
			seen = append(seen, d.Message.ID.ProducerSequence)
		}
		return seen
	}
	require.Equal(t, []int64{2, 4}, shown(1))

	f = f.crash()
	require.Equal(t, []int64{2}, shown(1))
	c = f.connect()
	o := newOutcome()
	c.Rollback(xid("1"), o.done)
	require.NoError(t, o.wait(t))
	require.Equal(t, []int64{1, 2}, shown(1))
}

// A branch that was forgotten is unknown from the answer on.
func TestForgottenBranch(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	for range 20 {
		require.NoError(t, c.Begin(xid("1")))
		require.NoError(t, c.send(c.make(p, orders, in(xid("1")))))
		_, err := c.prepare(xid("1"))
		require.NoError(t, err)
		o := newOutcome()
		c.Forget(xid("1"), o.done)
		require.NoError(t, o.wait(t))
		o = newOutcome()
		c.Commit(xid("1"), false, o.done)
		require.ErrorIs(t, o.wait(t), ErrUnknownTransaction)
	}
	require.Empty(t, c.Recover())
	require.Zero(t, f.stats(orders).Size)
}
