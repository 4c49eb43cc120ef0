package broker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// Recover is the list as of the moment that nothing is being prepared.
func (c *client) Recover() []message.TransactionID {
	c.t.Helper()
	got := make(chan []message.TransactionID, 1)
	c.Connection.Recover(func(ids []message.TransactionID) { got <- ids })
	return listed(c.t, got)
}

func listed(t *testing.T, lists <-chan []message.TransactionID) []message.TransactionID {
	t.Helper()
	select {
	case ids := <-lists:
		return ids
	case <-time.After(patience):
		t.Fatal("no list")
		return nil
	}
}

// What follows a prepare whose answer nobody waits for finds the branch
// prepared.
func TestAfterPrepareUnderWay(t *testing.T) {
	for name, end := range map[string]func(*client, message.TransactionID, func(error)){
		"commit":   func(c *client, id message.TransactionID, done func(error)) { c.Commit(id, false, done) },
		"rollback": func(c *client, id message.TransactionID, done func(error)) { c.Rollback(id, done) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := newDisk(t)
			f := startOn(t, disk)
			c, d := f.connect(), f.connect()
			p := c.producer(1, orders)
			id := xid("1")
			require.NoError(t, c.Begin(id))
			require.NoError(t, c.send(c.make(p, orders, in(id))))
			disk.held = make(chan struct{})
			votes, lists, ended := newOutcome(), make(chan []message.TransactionID, 2), newOutcome()
			c.Prepare(id, func(_ int32, err error) { votes.done(err) })
			for _, who := range []*client{c, d} {
				who.Connection.Recover(func(ids []message.TransactionID) { lists <- ids })
			}
			end(c, id, ended.done)
			require.Empty(t, lists)
			close(disk.held)
			require.NoError(t, votes.wait(t))
			for range 2 {
				require.Equal(t, []message.TransactionID{id}, listed(t, lists))
			}
			require.NoError(t, ended.wait(t))
			require.Empty(t, c.Recover())
			require.EqualValues(t, map[string]int{"commit": 1}[name], f.stats(orders).Size)
		})
	}
}

// A message that a prepared branch of an earlier master has acknowledged is no
// longer counted, until a rollback brings it back.
func TestSizeUnderPreparedBranch(t *testing.T) {
	for name, size := range map[string]int64{"commit": 1, "rollback": 3} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			c := f.connect()
			c.sendN(c.producer(1, orders), orders, 3)
			c.consumer(1, orders, 10)
			got := c.take(t, 3)
			id := xid("1")
			require.NoError(t, c.Begin(id))
			require.NoError(t, c.ack(ackIn(id, got[:2]...)))
			_, err := c.prepare(id)
			require.NoError(t, err)
			f = f.crash()
			require.EqualValues(t, 1, f.stats(orders).Size)
			c = f.connect()
			o := newOutcome()
			if name == "commit" {
				c.Commit(id, false, o.done)
			} else {
				c.Rollback(id, o.done)
			}
			require.NoError(t, o.wait(t))
			require.Equal(t, size, f.stats(orders).Size)
			c.consumer(1, orders, 10)
			c.take(t, int(size))
			require.Equal(t, size, f.stats(orders).Size)
		})
	}
}
