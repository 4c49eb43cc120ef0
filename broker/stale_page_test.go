package broker

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// late is a store of which one page comes late: when much has happened since it
// was read.
type late struct {
	*disk
	armed atomic.Bool
	// appended counts units.
	appended atomic.Int32
	read     chan struct{} // closed when the page is read
	deliver  chan struct{} // closed by who wants it to come
}

func newLate(d *disk) *late {
	return &late{disk: d, read: make(chan struct{}), deliver: make(chan struct{})}
}

func (l *late) hold(entries []store.Entry) {
	if len(entries) > 0 && l.armed.CompareAndSwap(true, false) {
		close(l.read)
		<-l.deliver
	}
}

func (l *late) Append(u *store.Unit) {
	l.appended.Add(1)
	l.disk.Append(u)
}

func (l *late) Page(dst []store.Entry, dest message.Destination, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	entries, err := l.disk.Page(dst, dest, after, limit, maxBytes)
	l.hold(entries)
	return entries, err
}

func (l *late) PageSubscription(dst []store.Entry, dest message.Destination, key string, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	entries, err := l.disk.PageSubscription(dst, dest, key, after, limit, maxBytes)
	l.hold(entries)
	return entries, err
}

// reopenLate is crash, with pages that come late.
func (f *fixture) reopenLate(change ...func(*Options)) (*fixture, *late) {
	d := f.store.(*disk)
	f.Broker.stopping.Store(true)
	f.close()
	l := newLate(d.reopen())
	return startOn(f.t, l, change...), l
}

func (l *late) wait(t *testing.T) {
	t.Helper()
	select {
	case <-l.read:
	case <-time.After(patience):
		t.Fatal("no page was read")
	}
}

// TestCommittedWhileItsPageIsRead: what a recovered branch has consumed is not
// delivered by a pager that has read it before the commit.
func TestCommittedWhileItsPageIsRead(t *testing.T) {
	for _, dest := range []message.Destination{orders, news} {
		t.Run(dest.String(), func(t *testing.T) {
			f := start(t)
			c := f.connect(as("alice"))
			named := func(i *message.ConsumerInfo) {
				if dest == news {
					i.SubscriptionName = "s"
				}
			}
			c.consumer(1, dest, 10, named)
			c.sendN(c.producer(1, dest), dest, 2)
			got := c.take(t, 2)
			id := xid("1")
			require.NoError(t, c.Begin(id))
			require.NoError(t, c.ack(ackIn(id, got[0])))
			require.NoError(t, c.End(id))
			_, err := c.prepare(id)
			require.NoError(t, err)

			f, l := f.reopenLate()
			c = f.connect(as("alice"))
			l.armed.Store(true)
			c.consumer(1, dest, 10, named)
			l.wait(t)
			o := newOutcome()
			c.Commit(id, false, o.done)
			require.NoError(t, o.wait(t))
			close(l.deliver)
			require.Equal(t, []int64{2}, sequencesOf(c.take(t, 1)))
			c.sendN(c.producer(2, dest), dest, 3)
			require.Equal(t, count(1, 3), sequencesOf(c.take(t, 3)))
		})
	}
}

// TestCommittedWithoutItsConsumer: a transaction that outlives the consumer of
// a durable subscription is committed while the next one's page is read.
func TestCommittedWithoutItsConsumer(t *testing.T) {
	l := newLate(newDisk(t))
	f := startOn(t, l)
	c := f.connect(as("alice"))
	id := c.consumer(1, news, 10, durableNamed("s"))
	p := c.producer(1, news)
	c.sendN(p, news, 2)
	got := c.take(t, 2)
	tx := c.begin(1)
	require.NoError(t, c.ack(ackIn(tx, got[0])))
	require.NoError(t, c.RemoveConsumer(id, message.LastDeliveredUnset))
	l.armed.Store(true)
	c.consumer(2, news, 10, durableNamed("s"))
	l.wait(t)
	require.NoError(t, c.commit(tx))
	close(l.deliver)
	require.Equal(t, []int64{2}, sequencesOf(c.take(t, 1)))
	c.sendN(p, news, 1)
	require.Equal(t, []int64{3}, sequencesOf(c.take(t, 1)))
}

// TestSweptWhileMoved: what an operator moves does not expire, too, because the
// sweep had read it before.
func TestSweptWhileMoved(t *testing.T) {
	k := &clock{}
	f := start(t, k.set)
	c := f.connect()
	c.sendN(c.producer(1, orders), orders, 1, func(m *message.Message) { m.Expiration = 1_000_500 })
	f, l := f.reopenLate(k.set)
	k.ms.Add(1000)
	l.armed.Store(true)
	var wait sync.WaitGroup
	wait.Go(f.sweep)
	l.wait(t)
	var moved atomic.Int64
	var ended atomic.Bool
	wait.Go(func() {
		n, _ := f.Move(t.Context(), orders, Selection{}, message.NewQueue("ELSEWHERE"))
		moved.Store(int64(n))
		ended.Store(true)
	})
	q := f.registry.find(orders).(*queue)
	eventually(t, "the operator is done, or waits", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return ended.Load() || q.idled != nil
	})
	close(l.deliver)
	wait.Wait()
	f.catchUp()
	require.Zero(t, f.stats(orders).Size)
	require.EqualValues(t, 1, moved.Load()+f.stats(orders).Expired)
	require.EqualValues(t, 1, moved.Load()+f.stats(dlq).Size)
	require.Zero(t, f.stats(orders).Memory)
	require.Zero(t, f.stats(orders).InFlight)
}

// TestSweptWhileAcknowledged: what a subscriber has consumed before it left does
// not expire because the store has not carried that out yet.
func TestSweptWhileAcknowledged(t *testing.T) {
	k := &clock{}
	l := newLate(newDisk(t))
	f := startOn(t, l, k.set)
	c := f.connect(as("alice"))
	id := c.consumer(1, news, 10, durableNamed("s"))
	c.sendN(c.producer(1, news), news, 1, func(m *message.Message) { m.Expiration = 1_000_500 })
	got := c.take(t, 1)
	hold := make(chan struct{})
	f.store.Append(barrier(hold))
	c.Acknowledge(ackOf(message.StandardAck, got...), false, func(err error) { require.NoError(t, err) })
	require.NoError(t, c.RemoveConsumer(id, 0))
	k.ms.Add(1000)
	f.durables.find("alice:s").feeds[0].pending.Add(1) // as if there were more, which makes the sweep look
	before := l.appended.Load()
	var wait sync.WaitGroup
	wait.Go(f.sweep)
	eventually(t, "the sweep waits, or lets it expire", func() bool { return l.appended.Load() > before })
	close(hold)
	wait.Wait()
	f.catchUp()
	require.Zero(t, f.stats(news).Expired)
	require.Zero(t, f.stats(dlq).Size)
}

// TestSweptWhilePaged: what a sweep has taken does not expire a second time
// because a pager had read it before it was gone.
func TestSweptWhilePaged(t *testing.T) {
	k := &clock{}
	f := start(t, k.set)
	c := f.connect(as("alice"))
	id := c.consumer(1, news, 10, durableNamed("s"))
	require.NoError(t, c.RemoveConsumer(id, 0))
	p := c.producer(1, news)
	c.sendN(p, news, 1, func(m *message.Message) { m.Expiration = 1_000_500 })
	c.sendN(p, news, 1)
	f, l := f.reopenLate(k.set, func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.DeadLetter.Audit = false
			return p
		}
	})
	k.ms.Add(1000)
	hold := make(chan struct{})
	f.store.Append(barrier(hold))
	f.sweep()
	fd := f.durables.find("alice:s").feeds[0]
	require.Len(t, fd.locked, 1)
	fd.d.unsettled.Add(-1) // the pager does not wait for it
	l.armed.Store(true)
	c = f.connect(as("alice"))
	c.consumer(1, news, 10, durableNamed("s"))
	l.wait(t)
	fd.d.unsettled.Add(1)
	close(hold)
	eventually(t, "it has expired", func() bool { return fd.pending.Load() == 1 && fd.d.unsettled.Load() == 0 })
	close(l.deliver)
	require.Equal(t, []int64{2}, sequencesOf(c.take(t, 1)))
	f.catchUp()
	require.EqualValues(t, 1, f.stats(news).Expired)
	require.EqualValues(t, 1, f.stats(dlq).Size)
	require.EqualValues(t, 1, fd.pending.Load())
}

// TestBrowsedWhileWritten: a browser is shown once what was on its way to the
// store when it came, and there when it looked.
func TestBrowsedWhileWritten(t *testing.T) {
	f := start(t, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = true })
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1)
	hold := make(chan struct{})
	defer close(hold)
	f.store.(*disk).held = hold
	c.Send(t.Context(), c.make(p, orders), true, func(error) {})
	eventually(t, "it is stored", func() bool {
		entries, err := f.store.Page(nil, orders, 0, 10, 1<<20)
		require.NoError(t, err)
		return len(entries) == 2
	})
	b := f.connect()
	q := f.registry.find(orders).(*queue)
	br := newBrowser(b.Connection, &message.ConsumerInfo{PrefetchSize: 10}, nil)
	require.True(t, br.show(q))
	require.Equal(t, count(1, 2), sequencesOf(b.take(t, 2)))
	require.Zero(t, b.count())
}

// TestRehousedBehindTheCursor: a message that was on its way to a queue that was
// removed is found in the next one, though that has taken later ones already.
func TestRehousedBehindTheCursor(t *testing.T) {
	f := start(t, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = true })
	c := f.connect()
	p := c.producer(1, orders)
	require.NoError(t, c.send(c.make(p, orders)))
	old := f.registry.find(orders).(*queue)
	require.True(t, old.announce())
	require.NoError(t, f.RemoveDestination(orders))
	hold := make(chan struct{})
	var open sync.Once
	release := func() { open.Do(func() { close(hold) }) }
	defer release()
	f.store.Append(barrier(hold))
	m := c.make(p, orders)
	u := store.Single(store.Op{Action: store.Add, Destination: orders, Message: m}, true, nil)
	u.Done = func(err error) {
		require.NoError(t, err)
		old.arrive(m, &u.Ops[0])
	}
	f.store.Append(u)
	o := newOutcome()
	c.Send(t.Context(), c.make(p, orders), true, o.done)
	require.Greater(t, f.registry.find(orders).(*queue).window.first.cursor, u.Ops[0].Seq)
	release()
	require.NoError(t, o.wait(t))
	c.consumer(1, orders, 10)
	require.ElementsMatch(t, []int64{2, 3}, sequencesOf(c.take(t, 2)))
	require.EqualValues(t, 2, f.stats(orders).Size)
	c.sendN(p, orders, 1)
	require.Equal(t, []int64{4}, sequencesOf(c.take(t, 1)))
}

// TestRehousedIsNotFlagged: what was under way to a queue that was removed is in
// the next one as it was sent.
func TestRehousedIsNotFlagged(t *testing.T) {
	f := start(t, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = true })
	c := f.connect()
	p := c.producer(1, orders)
	require.NoError(t, c.send(c.make(p, orders)))
	old := f.registry.find(orders).(*queue)
	require.True(t, old.announce())
	require.NoError(t, f.RemoveDestination(orders))
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	f.store.Append(barrier(hold))
	u := store.Single(store.Op{Action: store.Add, Destination: orders, Message: c.make(p, orders)}, true, nil)
	u.Done = func(error) { old.arrive(u.Ops[0].Message, &u.Ops[0]) }
	f.store.Append(u)
	o := newOutcome()
	c.Send(t.Context(), c.make(p, orders), true, o.done)
	release()
	require.NoError(t, o.wait(t))
	c.consumer(1, orders, 10)
	for _, d := range c.take(t, 2) {
		require.Zero(t, d.RedeliveryCounter, d.Message.ID.ProducerSequence)
	}
}
