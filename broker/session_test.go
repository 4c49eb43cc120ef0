package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func failoverReconnect(i *message.ConnectionInfo) { i.FailoverReconnect, i.FaultTolerant = true, true }

func withMemory(limit int64) func(*Options) {
	return func(o *Options) { o.MemoryLimit = limit }
}

func TestTransientWaitsForOfflineSubscriber(t *testing.T) {
	for _, forget := range []bool{false, true} {
		f := start(t, func(o *Options) { o.ForgetTransient = forget })
		c := f.connect(as("alice"))
		p := c.producer(1, news)
		id := c.consumer(1, news, 2, durableNamed("s"))
		c.sendN(p, news, 3, transient)
		got := c.take(t, 2)
		require.NoError(t, c.RemoveConsumer(id, got[0].Message.ID.BrokerSequence))
		c.sendN(p, news, 2)
		c.sendN(p, news, 1, transient)
		c.consumer(2, news, 100, durableNamed("s"))
		if forget {
			require.Equal(t, []int64{4, 5}, sequencesOf(c.take(t, 2)))
		} else {
			got := c.take(t, 6)
			require.ElementsMatch(t, count(1, 6), sequencesOf(got))
			require.EqualValues(t, 1, got[0].RedeliveryCounter)
			require.Zero(t, got[1].RedeliveryCounter)
		}
		require.Zero(t, c.count())
	}
}

func TestOfflineSubscribersNeverFillMemory(t *testing.T) {
	const limit = 1 << 20
	f := start(t, withMemory(limit))
	c := f.connect(as("alice"))
	p := c.producer(1, news)
	id := c.consumer(1, news, 10, durableNamed("s"))
	require.NoError(t, c.RemoveConsumer(id, 0))
	c.sendN(p, news, 400, transient, func(m *message.Message) { m.Content = make([]byte, 8<<10) }) // none waits
	used, _ := f.Memory()
	require.LessOrEqual(t, used, int64(limit/2+16<<10))
	require.Positive(t, f.stats(news).Discarded)
	require.NoError(t, c.RemoveSubscription(&message.RemoveSubscriptionInfo{ClientID: "alice", Name: "s"}))
	used, _ = f.Memory()
	require.Zero(t, used)
}

func TestOfflineSubscriberIsRemoved(t *testing.T) {
	k := &clock{}
	f := start(t, k.set, func(o *Options) { o.OfflineTimeout, o.OfflineSchedule = time.Minute, time.Second })
	c := f.connect(as("alice"))
	p := c.producer(1, news)
	id := c.consumer(1, news, 10, durableNamed("s"))
	c.consumer(2, news, 10, durableNamed("used"))
	require.NoError(t, c.RemoveConsumer(id, 0))
	c.sendN(p, news, 1)
	k.ms.Add(59_000)
	f.durables.retire()
	require.NotNil(t, f.durables.find("alice:s"))
	k.ms.Add(2_000)
	f.durables.retire()
	require.Nil(t, f.durables.find("alice:s"))
	require.NotNil(t, f.durables.find("alice:used"))

	// A recovered one counts from the start of the master.
	f = f.crash(k.set, func(o *Options) { o.OfflineTimeout, o.OfflineSchedule = time.Minute, time.Second })
	k.ms.Add(59_000)
	f.durables.retire()
	require.NotNil(t, f.durables.find("alice:used"))
	k.ms.Add(2_000)
	f.durables.retire()
	require.Nil(t, f.durables.find("alice:used"))
	c = f.connect(as("alice"))
	c.consumer(1, news, 10, durableNamed("used"))
	require.Zero(t, c.count(), "it is a new subscription")
}

func TestSubscribeWhileRemoved(t *testing.T) {
	f := start(t)
	a := f.connect(as("alice"))
	d := f.store.(*disk)
	id := a.consumer(1, news, 10, durableNamed("s"))
	require.NoError(t, a.RemoveConsumer(id, 0))
	hold := make(chan struct{})
	d.Store.Append(barrier(hold))
	removed := make(chan error, 1)
	go func() {
		_, err := f.durables.remove("alice", "s")
		removed <- err
	}()
	eventually(t, "removal", func() bool {
		s := f.durables.find("alice:s")
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.gone
	})
	added := make(chan error, 1)
	go func() {
		info := &message.ConsumerInfo{ID: message.ConsumerID{Connection: a.session.Connection, Session: 1, Value: 2},
			Destination: news, PrefetchSize: 10, SubscriptionName: "s"}
		added <- a.AddConsumer(info)
	}()
	close(hold)
	require.NoError(t, <-removed)
	require.NoError(t, <-added)
	p := a.producer(1, news)
	a.sendN(p, news, 1)
	a.take(t, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	require.Contains(t, d.subs[news], "alice:s", "the store has forgotten a subscription that is active")
}

func TestNoLocalWhileAway(t *testing.T) {
	f := start(t)
	c := f.connect(as("alice"))
	p := c.producer(1, news)
	noLocal := func(i *message.ConsumerInfo) { i.SubscriptionName, i.NoLocal = "s", true }
	id := c.consumer(1, news, 10, noLocal)
	require.NoError(t, c.RemoveConsumer(id, 0))
	other := f.connect()
	c.sendN(p, news, 2)
	other.sendN(other.producer(1, news), news, 1)
	c.Connection.Close()
	c = f.connect(as("alice"))
	c.consumer(1, news, 10, noLocal)
	require.Equal(t, other.session.Connection, c.take(t, 1)[0].Message.ID.Producer.Connection)
	require.Zero(t, c.count())
}

func TestSweepOfOfflineSubscriber(t *testing.T) {
	k := &clock{}
	f := start(t, small, k.set)
	page := DefaultPolicy().MaxExpirePageSize
	c := f.connect(as("alice"))
	p := c.producer(1, news)
	id := c.consumer(1, news, 10, durableNamed("s"))
	require.NoError(t, c.RemoveConsumer(id, 0))
	c.sendN(p, news, 2*page, func(m *message.Message) {
		if m.ID.ProducerSequence%2 == 0 {
			m.Expiration = k.ms.Load() + 1000
		}
	})
	k.ms.Add(2_000)
	f.sweep()
	eventually(t, "the first page", func() bool { return f.stats(news).Expired == int64(page/2) })
	f.sweep()
	f.sweep()
	eventually(t, "all", func() bool { return f.stats(message.NewQueue("ActiveMQ.DLQ")).Size == int64(page) })
	require.EqualValues(t, page, f.stats(news).Expired)
	c.consumer(2, news, 1000, durableNamed("s"))
	for i, d := range c.take(t, page) {
		require.EqualValues(t, 2*i+1, d.Message.ID.ProducerSequence)
	}
	require.Zero(t, c.count())
}

func TestMaxUncommitted(t *testing.T) {
	f := start(t, func(o *Options) { o.MaxUncommitted = 3 })
	c := f.connect()
	p := c.producer(1, orders)
	tx := c.begin(1)
	for range 3 {
		require.NoError(t, c.send(c.make(p, orders, in(tx))))
	}
	for range 2 {
		err := c.send(c.make(p, orders, in(tx)))
		require.ErrorIs(t, err, ErrResourceAllocation)
		require.ErrorContains(t, err, "Transaction has reached the maximum allowed number of pending send operations before commit of '3'")
	}
	require.Zero(t, f.uncommitted.Load())
	err := c.commit(tx)
	require.ErrorIs(t, err, ErrRolledBack)
	require.ErrorIs(t, c.commit(tx), ErrUnknownTransaction)
	require.Zero(t, f.stats(orders).Size)
}

func TestOpenTransactionsAreBounded(t *testing.T) {
	f := start(t, withMemory(1<<20))
	c := f.connect()
	p := c.producer(1, orders)
	body := func(m *message.Message) { m.Content = make([]byte, 64<<10) }
	refused := 0
	for n := range int64(100) {
		tx := c.begin(n + 1)
		if err := c.send(c.make(p, orders, in(tx), body)); err != nil {
			require.ErrorIs(t, err, ErrResourceAllocation)
			refused++
		}
	}
	require.Greater(t, refused, 80)
	require.LessOrEqual(t, f.uncommitted.Load(), int64(1<<20))
	for n := range int64(100) {
		tx := message.TransactionID{Connection: c.session.Connection, Value: n + 1}
		_ = c.rollback(tx)
	}
	require.Zero(t, f.uncommitted.Load())
	tx := c.begin(1000)
	require.NoError(t, c.send(c.make(p, orders, in(tx), body)))
	require.NoError(t, c.commit(tx))
	require.Zero(t, f.uncommitted.Load())
}

// A branch that is prepared is not kept in memory.
func TestManyBranches(t *testing.T) {
	const branches = 10_000
	f := start(t, withMemory(4<<20))
	c := f.connect()
	p := c.producer(1, orders)
	body := func(m *message.Message) { m.Content = make([]byte, 4<<10) }
	began := time.Now()
	for i := range branches {
		id := xid(fmt.Sprint(i))
		require.NoError(t, c.Begin(id))
		require.NoError(t, c.send(c.make(p, orders, in(id), body)))
		_, err := c.prepare(id)
		require.NoError(t, err)
	}
	require.Zero(t, f.uncommitted.Load())
	ids := c.Recover()
	require.Len(t, ids, branches)
	for i, id := range ids {
		require.Equal(t, xid(fmt.Sprint(i)), id, "not the oldest first")
	}
	f = f.crash(withMemory(4 << 20))
	c = f.connect()
	require.Len(t, c.Recover(), branches)
	for i, id := range c.Recover() {
		o := newOutcome()
		if i%2 == 0 {
			c.Commit(id, false, o.done)
		} else {
			c.Rollback(id, o.done)
		}
		require.NoError(t, o.wait(t))
	}
	require.Empty(t, c.Recover())
	require.EqualValues(t, branches/2, f.stats(orders).Size)
	require.Less(t, time.Since(began), 30*time.Second)
}

func TestHostileXIDs(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	long := strings.Repeat("x", maxXID+1)
	for _, x := range []message.XID{{Global: long}, {Branch: long}, {FormatID: -1, Global: long, Branch: long}} {
		id := message.TransactionID{XA: true, XID: x}
		var e *Error
		require.ErrorAs(t, c.Begin(id), &e)
		require.Equal(t, XAErrInvalid, e.Code)
		require.ErrorIs(t, c.send(c.make(p, orders, in(id))), ErrUnknownTransaction)
	}
	full := strings.Repeat("\x00", maxXID)
	for _, x := range []message.XID{{}, {FormatID: -1}, {FormatID: 1 << 30, Global: full, Branch: full}, {Global: full}, {Branch: full}} {
		id := message.TransactionID{XA: true, XID: x}
		require.NoError(t, c.Begin(id))
		require.NoError(t, c.send(c.make(p, orders, in(id))))
		_, err := c.prepare(id)
		require.NoError(t, err)
	}
	require.Len(t, c.Recover(), 5)
	for _, id := range c.Recover() {
		o := newOutcome()
		c.Commit(id, false, o.done)
		require.NoError(t, o.wait(t))
	}
	require.EqualValues(t, 5, f.stats(orders).Size)
}

// What was acknowledged in a transaction before a failover does not come
// again, its sends do: they must not be committed alone.
func TestRestoredSendsWithoutTheirAcks(t *testing.T) {
	for _, kind := range []string{"local", "branch", "branch of acks alone"} {
		t.Run(kind, func(t *testing.T) {
			f := start(t)
			c := f.connect()
			c.sendN(c.producer(1, orders), orders, 2)
			c.consumer(1, orders, 10)
			c.take(t, 2)
			f = f.crash()
			c = f.connect(failoverReconnect)
			p := c.producer(7, message.Destination{})
			c.consumer(1, orders, 10)
			tx := message.TransactionID{Connection: c.session.Connection, Value: 9}
			if kind != "local" {
				tx = xid("9")
			}
			require.NoError(t, c.Begin(tx))
			if kind != "branch of acks alone" {
				require.NoError(t, c.send(c.make(p, message.NewQueue("out"), in(tx))))
			}
			var err error
			if kind == "local" {
				err = c.commit(tx)
				require.ErrorIs(t, err, ErrRolledBack)
			} else {
				_, err = c.prepare(tx)
			}
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, XARollback, e.Code)
			require.Zero(t, f.stats(message.NewQueue("out")).Size)

			// Once is enough.
			next := c.begin(10)
			require.NoError(t, c.ack(ackIn(next, c.take(t, 2)...)))
			require.NoError(t, c.send(c.make(p, message.NewQueue("out"), in(next))))
			require.NoError(t, c.commit(next))
			require.EqualValues(t, 1, f.stats(message.NewQueue("out")).Size)
			require.Zero(t, f.stats(orders).Size)
		})
	}
}

// Where the session's consumers had nothing, its sends are committed.
func TestRestoredSends(t *testing.T) {
	f := start(t)
	f.connect().consumer(1, orders, 10)
	f = f.crash()
	c := f.connect(failoverReconnect)
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	for i, tx := range []message.TransactionID{{Connection: c.session.Connection, Value: 9}, xid("9")} {
		require.NoError(t, c.Begin(tx))
		require.NoError(t, c.send(c.make(p, orders, in(tx))))
		require.NoError(t, c.commit(tx))
		require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 1)...)), i)
	}
}

// A client that comes again repeats what it had sent in a prepared branch.
func TestRepeatedAfterPrepare(t *testing.T) {
	f := start(t)
	c := f.connect(func(i *message.ConnectionInfo) { i.FaultTolerant = true })
	p := c.producer(1, orders)
	require.NoError(t, c.Begin(xid("1")))
	m := c.make(p, orders, in(xid("1")))
	require.NoError(t, c.send(m.Copy()))
	_, err := c.prepare(xid("1"))
	require.NoError(t, err)
	f = f.crash()
	c = f.connect(failoverReconnect, func(i *message.ConnectionInfo) { i.ID = "ID:client-1" })
	c.producer(1, orders)
	require.NoError(t, c.Begin(xid("1")))
	require.NoError(t, c.send(m))
	vote, err := c.prepare(xid("1"))
	require.NoError(t, err)
	require.Equal(t, XAVoteOK, vote)
	o := newOutcome()
	c.Commit(xid("1"), false, o.done)
	require.NoError(t, o.wait(t))
	require.EqualValues(t, 1, f.stats(orders).Size)
}

// What a rolled back branch gives back is not consumed by a client that takes
// it for a duplicate.
func TestSuppressedAfterRollback(t *testing.T) {
	f := start(t)
	c := f.connect(as("alice"))
	p := c.producer(1, message.Destination{})
	c.consumer(1, orders, 10)
	c.consumer(2, news, 10, durableNamed("s"))
	c.sendN(p, orders, 2)
	got := c.take(t, 2)
	c.sendN(p, news, 2)
	heard := c.take(t, 2)
	require.NoError(t, c.Begin(xid("1")))
	require.NoError(t, c.ack(ackIn(xid("1"), got[0])))
	require.NoError(t, c.ack(ackIn(xid("1"), heard[0])))
	_, err := c.prepare(xid("1"))
	require.NoError(t, err)
	f = f.crash()
	c = f.connect(as("alice"), failoverReconnect)
	ids := []message.ConsumerID{c.consumer(1, orders, 10), c.consumer(2, news, 10, durableNamed("s"))}
	require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 1)...)))
	require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 1)...)))
	o := newOutcome()
	f.connect().Rollback(xid("1"), o.done)
	require.NoError(t, o.wait(t))
	for _, d := range c.take(t, 2) {
		require.Positive(t, d.RedeliveryCounter)
		a := ackOf(message.PoisonAck, d)
		a.PoisonCause = &message.Throwable{Message: suppressed + ", consumer 1"}
		require.NoError(t, c.ack(a))
	}
	for _, id := range ids {
		require.NoError(t, c.RemoveConsumer(id, message.LastDeliveredUnknown))
	}
	other := f.connect()
	other.consumer(1, orders, 10)
	c.consumer(3, news, 10, durableNamed("s"))
	require.Equal(t, got[0].Message.ID, other.take(t, 1)[0].Message.ID)
	require.Equal(t, heard[0].Message.ID, c.take(t, 1)[0].Message.ID)
}
