package broker

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// sized is a store that says how large it is.
type sized struct {
	store.Store
	size atomic.Int64
}

func (s *sized) Size() int64 { return s.size.Load() }

func withStore(limit int64, change ...func(*Policy)) func(*Options) {
	return func(o *Options) {
		o.StoreLimit = limit
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			for _, f := range change {
				f(&p)
			}
			return p
		}
	}
}

func TestStoreLimitStopsProducersAndNobodyElse(t *testing.T) {
	s := &sized{Store: newDisk(t)}
	f := startOn(t, s, withStore(1000))
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 3)
	s.size.Store(1000)
	var waiting []outcome
	for range 3 {
		o := newOutcome()
		c.Send(context.Background(), c.make(p, orders), true, o.done)
		waiting = append(waiting, o)
	}
	c.sendN(p, message.NewQueue("T"), 1, transient) // needs no store
	c.consumer(1, orders, 10)
	for range 3 { // of the same connection
		require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 1)...)))
	}
	require.Zero(t, c.count())
	require.EqualValues(t, 1, f.stats(orders).NoSpace, "the others wait behind the first")
	s.size.Store(999)
	for _, o := range waiting {
		require.NoError(t, o.wait(t))
	}
	require.Equal(t, count(4, 3), sequencesOf(c.take(t, 3)))
}

func TestStoreLimitAndTransactions(t *testing.T) {
	s := &sized{Store: newDisk(t)}
	f := startOn(t, s, withStore(1000))
	c := f.connect()
	p := c.producer(1, orders)
	tx := c.begin(1)
	require.NoError(t, c.send(c.make(p, orders, func(m *message.Message) { m.Transaction = tx })))
	s.size.Store(1000)
	o := newOutcome()
	c.Commit(tx, true, o.done)
	require.Empty(t, o)
	s.size.Store(0)
	require.NoError(t, o.wait(t))
	require.EqualValues(t, 1, f.stats(orders).Size)
}

func TestStoreUsageHighWaterMark(t *testing.T) {
	s := &sized{Store: newDisk(t)}
	f := startOn(t, s, withStore(1000, func(p *Policy) {
		fail := true
		p.StoreUsageHighWaterMark, p.SendFailIfNoSpace = 50, &fail
	}))
	c := f.connect()
	p := c.producer(1, orders)
	s.size.Store(499)
	require.NoError(t, c.send(c.make(p, orders)))
	s.size.Store(500)
	err := c.send(c.make(p, orders))
	require.ErrorIs(t, err, ErrResourceAllocation)
	require.Equal(t, "Persistent store is Full, 50% of 1000. Stopping producer ("+p.String()+") to prevent flooding queue://ORDERS."+
		" See http://activemq.apache.org/producer-flow-control.html for more info", err.Error())
	require.NoError(t, c.send(c.make(p, news)), "nobody subscribes: nothing is stored")
}

func TestStoreLimitFailsAfterTimeout(t *testing.T) {
	s := &sized{Store: newDisk(t)}
	f := startOn(t, s, withStore(1000, func(p *Policy) {
		late := 10 * time.Millisecond
		p.SendFailIfNoSpaceAfterTimeout = &late
	}))
	c := f.connect()
	p := c.producer(1, orders)
	s.size.Store(1000)
	require.ErrorIs(t, c.send(c.make(p, orders)), ErrResourceAllocation)
	o := newOutcome()
	c.Send(context.Background(), c.make(p, orders), false, o.done)
	require.ErrorIs(t, o.wait(t), ErrResourceAllocation)
}

func TestSendWaitingForTheStoreEndsWithItsConnection(t *testing.T) {
	s := &sized{Store: newDisk(t)}
	f := startOn(t, s, withStore(1000))
	s.size.Store(1000)
	for i, required := range []bool{false, true} {
		c := f.connect()
		p := c.producer(1, orders)
		o := newOutcome()
		go c.Send(context.Background(), c.make(p, orders), required, o.done)
		eventually(t, "waits", func() bool { return f.stats(orders).NoSpace > int64(i) })
		c.Connection.Close()
		require.ErrorIs(t, o.wait(t), ErrClosed)
	}
}

// The store is asked how large it is as often as matters.
func TestQuotaAsksOftenOnlyNearTheLimit(t *testing.T) {
	s := &asked{}
	q := quota{store: s}
	q.lowest.Store(100)
	q.set(1 << 40)
	for range 100_000 {
		require.False(t, q.exceeded(100, 1000))
	}
	require.Equal(t, 1, s.times)
	for s.size < 1<<40 && !q.exceeded(100, 1<<20) {
		s.size += 1 << 20
	}
	require.Less(t, s.size-1<<40, int64(2<<20), "noticed at once")
	require.Less(t, s.times, 1000)
}

type asked struct {
	store.Store
	size  int64
	times int
}

func (s *asked) Size() int64 { s.times++; return s.size }

func TestLimitsAreTakenOver(t *testing.T) {
	temporary := newTemporary(t)
	f := start(t, tight(temporary, 100), func(o *Options) {
		o.LimitsPeriod = time.Millisecond
		o.Limits = func(int64, int64) (int64, int64) { return 7, 8 }
	})
	eventually(t, "taken over", func() bool { return f.quota.limit.Load() == 7 && temporary.Limit() == 8 })
}
