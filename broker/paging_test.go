package broker

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func small(o *Options) {
	o.Policy = func(message.Destination) Policy {
		p := DefaultPolicy()
		p.MaxPageSize = leastWindow
		return p
	}
}

func TestDeepQueueHoldsAWindow(t *testing.T) {
	f := start(t, small)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 500)
	require.LessOrEqual(t, f.stats(orders).Memory, int64(leastWindow+1)*1100)
	require.EqualValues(t, 500, f.stats(orders).Size)
	c.consumer(1, orders, 10)
	for i := range int64(500) {
		d := c.take(t, 1)
		require.Equal(t, i+1, d[0].Message.ID.ProducerSequence)
		require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
		require.LessOrEqual(t, f.stats(orders).Memory, int64(leastWindow+11)*1100)
	}
	require.Zero(t, f.stats(orders).Memory)
	c.sendN(p, orders, 10)
	require.Equal(t, count(501, 10), sequencesOf(c.take(t, 10)))
}

// Producers and consumers race over the edge between the window and the
// store: nothing is lost, doubled or out of order.
func TestPagingRace(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		f := start(t, small, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent })
		const producers, each = 4, 500
		var wg sync.WaitGroup
		for n := range int64(producers) {
			c := f.connect()
			p := c.producer(1, orders)
			wg.Go(func() {
				for i := range each {
					o := newOutcome()
					m := c.make(p, orders)
					if (i+int(n))%7 == 0 {
						m.Persistent = false
					}
					c.Send(context.Background(), m, i%10 == 0, o.done)
					if i%10 == 0 {
						<-o
					}
				}
			})
		}
		c := f.connect()
		c.consumer(1, orders, 30)
		last := map[message.ProducerID]map[bool]int64{}
		for range producers * each {
			d := c.take(t, 1)[0]
			id := d.Message.ID
			if last[id.Producer] == nil {
				last[id.Producer] = map[bool]int64{}
			}
			require.Greater(t, id.ProducerSequence, last[id.Producer][d.Message.Persistent])
			last[id.Producer][d.Message.Persistent] = id.ProducerSequence
			c.Acknowledge(ackOf(message.StandardAck, d), false, func(err error) { require.NoError(t, err) })
			if id.ProducerSequence%50 == 0 {
				runtime.Gosched()
			}
		}
		wg.Wait()
		require.Zero(t, c.count())
		eventually(t, "empty", func() bool { return f.stats(orders).Size == 0 })
		require.Zero(t, f.stats(orders).Memory)
		eventually(t, "all acknowledged", func() bool {
			left, _ := f.store.Page(nil, orders, 0, 10, 1<<20)
			return len(left) == 0
		})
	}
}

// Segments are of ten positions here: after a crash every message of a
// segment that was opened for delivery is flagged, later ones are not.
func TestCrashFlagsWhatMayHaveBeenDelivered(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		mode := func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent }
		f := start(t, mode)
		c := f.connect()
		p := c.producer(1, orders)
		c.consumer(1, orders, 15)
		c.sendN(p, orders, 50)
		got := c.take(t, 15)
		require.NoError(t, c.ack(ackOf(message.IndividualAck, got[14])))
		require.NoError(t, c.ack(ackOf(message.IndividualAck, c.take(t, 1)[0])))
		c.take(t, 1)
		f = f.crash(mode)
		require.EqualValues(t, 48, f.stats(orders).Size)
		c = f.connect()
		c.consumer(1, orders, 100)
		again := c.take(t, 48)
		require.Equal(t, append(count(1, 14), count(17, 34)...), sequencesOf(again))
		for i, d := range again {
			if i < 15 {
				require.EqualValues(t, 1, d.RedeliveryCounter, "message %d was delivered", i)
			}
			if i > 40 {
				require.Zero(t, d.RedeliveryCounter, "message %d was far away", i)
			}
		}
	}
}

func TestPurge(t *testing.T) {
	f := start(t, small)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 100)
	c.sendN(p, orders, 5, transient)
	id := c.consumer(1, orders, 3)
	c.take(t, 3)
	n, err := f.Purge(context.Background(), orders)
	require.NoError(t, err)
	require.Equal(t, 102, n)
	require.EqualValues(t, 3, f.stats(orders).Size)
	require.NoError(t, c.RemoveConsumer(id, 0))
	c.consumer(2, orders, 100)
	c.take(t, 3)
	require.Zero(t, c.count())
}

func TestBrowser(t *testing.T) {
	f := start(t, small)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 40)
	c.sendN(p, orders, 2, transient)
	c.sendN(p, orders, 40)
	holder := f.connect()
	holder.consumer(1, orders, 3)
	holder.take(t, 3)
	c.consumer(1, orders, 10, func(i *message.ConsumerInfo) { i.Browser = true })
	var seen []int64
	for len(seen) < 82 {
		d := c.take(t, 1)
		require.NotNil(t, d[0].Message, "the end came after %d", len(seen))
		seen = append(seen, d[0].Message.ID.ProducerSequence)
		require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
	}
	require.Equal(t, count(1, 82), seen)
	require.Nil(t, c.take(t, 1)[0].Message)
	require.EqualValues(t, 82, f.stats(orders).Size)
}

func TestAbandonedBrowser(t *testing.T) {
	f := start(t)
	c := f.connect()
	c.sendN(c.producer(1, orders), orders, 40)
	c.consumer(1, orders, 10, func(i *message.ConsumerInfo) { i.Browser = true })
	c.take(t, 10)
	c.Connection.Close()
}

// What is in flight counts as memory, too: a wide prefetch does not bring a
// whole backlog into it.
func TestPrefetchDoesNotExceedMemory(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		f := start(t, func(o *Options) { o.MemoryLimit = 200 << 10; o.ConcurrentStoreAndDispatchQueues = concurrent })
		c := f.connect()
		p := c.producer(1, orders)
		c.sendN(p, orders, 300)
		c.consumer(1, orders, 10_000)
		c.sendN(p, orders, 300)
		eventually(t, "delivery stops", func() bool {
			used, limit := f.Memory()
			return used >= limit && used < limit+2*leastWindowBytes
		})
		for i := range int64(600) {
			d := c.take(t, 1)
			require.Equal(t, i+1, d[0].Message.ID.ProducerSequence)
			used, limit := f.Memory()
			require.Less(t, used, limit+2*leastWindowBytes)
			require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
		}
		require.Zero(t, f.stats(orders).Memory)
	}
}

// A browser that comes after an acknowledgement does not see what that took,
// though the store has not carried it out yet.
func TestBrowserSeesWhatWasAcknowledged(t *testing.T) {
	f := start(t)
	c := f.connect()
	c.sendN(c.producer(1, orders), orders, 10)
	c.consumer(1, orders, 7)
	d := c.take(t, 7)
	hold := make(chan struct{})
	f.store.Append(barrier(hold))
	c.Acknowledge(ackOf(message.StandardAck, d[:5]...), false, func(err error) { require.NoError(t, err) })
	b := f.connect()
	b.consumer(1, orders, 20, func(i *message.ConsumerInfo) { i.Browser = true })
	close(hold)
	seen := b.take(t, 6)
	require.Equal(t, count(6, 5), sequencesOf(seen[:5]))
	require.Nil(t, seen[5].Message, "the end")
}
