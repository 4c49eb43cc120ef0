package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/spool"
)

// temporary is a real spool.
type temporary struct{ *spool.Spool }

func (s temporary) NewList() SpoolList { return s.Spool.NewList() }

func newTemporary(t *testing.T) temporary {
	s := temporary{spool.New(spool.Options{Directory: t.TempDir(), Log: slog.New(slog.DiscardHandler)})}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// tight gives a broker memory for n messages of harness size, and a spool.
func tight(s Spool, n int64) func(*Options) {
	return func(o *Options) { o.Spool, o.MemoryLimit = s, n*1029 }
}

func TestSpooledMessagesComeBackInOrder(t *testing.T) {
	for _, dest := range []message.Destination{orders, {Kind: message.TempQueue, Name: "ID:client-1:1"}} {
		s := newTemporary(t)
		f := start(t, tight(s, 100))
		c := f.connect()
		if dest.Kind.IsTemporary() {
			require.NoError(t, c.AddDestination(&message.DestinationInfo{Connection: c.info.ID, Destination: dest}))
		}
		c.sendN(c.producer(1, dest), dest, 20_000, transient)
		used, limit := f.Memory()
		require.Less(t, used, limit)
		require.NotZero(t, s.Used())
		require.EqualValues(t, 20_000, f.stats(dest).Size)
		c.consumer(1, dest, 1000)
		for i := int64(1); i <= 20_000; i += 100 {
			d := c.take(t, 100)
			require.Equal(t, count(i, 100), sequencesOf(d))
			require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
		}
		require.Zero(t, s.Used())
		require.Zero(t, f.usage.used.Load())
		require.Zero(t, f.stats(dest).Size)
	}
}

func TestSpooledMessagesKeepTheirPlaceAmongStoredOnes(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		s := newTemporary(t)
		f := start(t, tight(s, 50), small, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent })
		c := f.connect()
		p := c.producer(1, orders)
		const n = 3000
		for i := range n {
			switch {
			case i%7 == 0, i > 1000 && i < 1900:
				require.NoError(t, c.send(c.make(p, orders)))
			default:
				require.NoError(t, c.send(c.make(p, orders, transient)))
			}
		}
		c.consumer(1, orders, 10)
		for i := int64(1); i <= n; i++ {
			d := c.take(t, 1)
			require.Equal(t, i, d[0].Message.ID.ProducerSequence)
			require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
		}
		require.Zero(t, f.usage.used.Load())
	}
}

func TestBrowserAndPurgeSeeWhatIsSpooled(t *testing.T) {
	s := newTemporary(t)
	f := start(t, tight(s, 50))
	c := f.connect()
	c.sendN(c.producer(1, orders), orders, 2000, transient)
	c.consumer(1, orders, 10_000, func(i *message.ConsumerInfo) { i.Browser = true })
	d := c.take(t, 2001)
	require.Equal(t, count(1, 2000), sequencesOf(d[:2000]))
	n, err := f.Purge(t.Context(), orders)
	require.NoError(t, err)
	require.Equal(t, 2000, n)
	require.Zero(t, s.Used())
	require.Zero(t, f.usage.used.Load())
}

func TestExpiredMessagesLeaveTheSpool(t *testing.T) {
	s := newTemporary(t)
	var ahead atomic.Int64 // of the clock, ns
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	f := start(t, tight(s, 20), func(o *Options) { o.Now = now })
	c := f.connect()
	c.sendN(c.producer(1, orders), orders, 300, func(m *message.Message) {
		m.Persistent, m.Expiration = false, now().Add(time.Minute).UnixMilli()
	})
	ahead.Store(int64(time.Hour))
	f.sweep()
	require.Zero(t, f.stats(orders).Size)
	require.EqualValues(t, 300, f.stats(orders).Expired)
	require.Zero(t, s.Used())
}

// A subscriber that takes nothing costs disk; the others go on.
func TestStuckSubscriberIsSpooled(t *testing.T) {
	s := newTemporary(t)
	f := start(t, tight(s, 100))
	c, stuck, eager := f.connect(), f.connect(), f.connect()
	stuck.consumer(1, news, 10)
	eager.consumer(1, news, 1000)
	p := c.producer(1, news)
	for i := int64(1); i <= 5000; i += 100 {
		c.sendN(p, news, 100, transient)
		d := eager.take(t, 100)
		require.Equal(t, count(i, 100), sequencesOf(d))
		require.NoError(t, eager.ack(ackOf(message.StandardAck, d...)))
		used, limit := f.Memory()
		require.Less(t, used, limit)
	}
	for i := int64(1); i <= 5000; i += 10 {
		d := stuck.take(t, 10)
		require.Equal(t, count(i, 10), sequencesOf(d))
		require.NoError(t, stuck.ack(ackOf(message.StandardAck, d...)))
	}
	require.Zero(t, s.Used())
	require.Zero(t, f.usage.used.Load())
}

// Where the mark of the broker's memory is the limit of the topic, what waits is
// spooled before producers have to wait.
func TestTopicSpoolsBeforeItsLimit(t *testing.T) {
	s := newTemporary(t)
	f := start(t, tight(s, 100), func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.MemoryLimit, p.CursorMemoryHighWaterMark = 10*1029, 10
			return p
		}
	})
	c, stuck := f.connect(), f.connect()
	stuck.consumer(1, news, 5)
	p := c.producer(1, news)
	for range 100 {
		c.Send(context.Background(), c.make(p, news, transient), true, newOutcome().done)
		require.Zero(t, f.stats(news).Blocked)
	}
	for i := int64(1); i <= 100; i += 5 {
		d := stuck.take(t, 5)
		require.Equal(t, count(i, 5), sequencesOf(d))
		require.NoError(t, stuck.ack(ackOf(message.StandardAck, d...)))
	}
	require.Zero(t, s.Used())
	require.Zero(t, f.usage.used.Load())
}

func TestStuckSubscriberGivesItsSpoolBack(t *testing.T) {
	s := newTemporary(t)
	f := start(t, tight(s, 20))
	c, stuck := f.connect(), f.connect()
	stuck.consumer(1, news, 10)
	c.sendN(c.producer(1, news), news, 2000, transient)
	require.NotZero(t, s.Used())
	stuck.Connection.Close()
	require.Zero(t, s.Used())
	require.Zero(t, f.usage.used.Load())
}

func TestDurableSubscriptionIsSpooled(t *testing.T) {
	s := newTemporary(t)
	f := start(t, tight(s, 50), small)
	c, d := f.connect(), f.connect()
	d.consumer(1, news, 10, func(i *message.ConsumerInfo) { i.SubscriptionName = "sub" })
	p := c.producer(1, news)
	for i := range 600 {
		if i%5 == 0 {
			require.NoError(t, c.send(c.make(p, news)))
		} else {
			require.NoError(t, c.send(c.make(p, news, transient)))
		}
	}
	for i := int64(1); i <= 600; i++ {
		got := d.take(t, 1)
		require.Equal(t, i, got[0].Message.ID.ProducerSequence)
		require.NoError(t, d.ack(ackOf(message.StandardAck, got...)))
	}
	require.Zero(t, f.usage.used.Load())
}

func TestFullSpoolStopsProducers(t *testing.T) {
	s := newTemporary(t)
	s.SetLimit(256 << 10)
	f := start(t, tight(s, 20))
	c, d := f.connect(), f.connect()
	p := c.producer(1, orders)
	big := func(m *message.Message) { m.Persistent, m.Content = false, make([]byte, 10_000) }
	var waiting outcome
	n := 0
	for waiting == nil {
		o := newOutcome()
		c.Send(context.Background(), c.make(p, orders, big), true, o.done)
		n++
		select {
		case err := <-o:
			require.NoError(t, err)
		default:
			waiting = o
		}
		require.Less(t, n, 100)
	}
	require.EqualValues(t, 1, f.stats(orders).Blocked)
	d.sendN(d.producer(1, message.NewQueue("OTHER")), message.NewQueue("OTHER"), 3) // what is stored needs none
	d.consumer(1, orders, 10)
	for range n {
		require.NoError(t, d.ack(ackOf(message.StandardAck, d.take(t, 1)...)))
	}
	require.NoError(t, waiting.wait(t))
	require.EqualValues(t, 3*1029, f.usage.used.Load(), "the other queue's")
}

func TestFullSpoolRefuses(t *testing.T) {
	s := newTemporary(t)
	s.SetLimit(64 << 10)
	f := start(t, tight(s, 20), func(o *Options) { o.SendFailIfNoSpace = true })
	c := f.connect()
	p := c.producer(1, orders)
	var err error
	for n := 0; err == nil && n < 100; n++ {
		err = c.send(c.make(p, orders, func(m *message.Message) { m.Persistent, m.Content = false, make([]byte, 10_000) }))
	}
	require.ErrorIs(t, err, ErrResourceAllocation)
	require.Regexp(t, `^Temp Store is Full \(\d+% of 65536\)\. Stopping producer \(.*\) to prevent flooding queue://ORDERS\. See http://activemq\.apache\.org/producer-flow-control\.html for more info$`, err.Error())
}

// With everything in memory a queue's stored messages count, too.
func TestQueueInMemoryBlocksAtItsLimit(t *testing.T) {
	s := newTemporary(t)
	f := start(t, tight(s, 1000), func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.MemoryLimit, p.InMemory = 50*1029, true
			return p
		}
	})
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 50)
	for _, change := range []func(*message.Message){transient, func(*message.Message) {}} {
		c.Send(context.Background(), c.make(p, orders, change), true, newOutcome().done)
	}
	require.EqualValues(t, 2, f.stats(orders).Blocked)
	c.consumer(1, orders, 1)
	for i := int64(1); i <= 52; i++ {
		d := c.take(t, 1)
		require.Equal(t, i, d[0].Message.ID.ProducerSequence)
		require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
	}
	require.Zero(t, s.Used())
}

// A thousand queues, each with a producer that nobody reads: memory is bounded,
// and one that is read goes on.
// A mark that comes after the limit is not for spooling: producers wait.
func TestMarkAboveTheLimitBlocks(t *testing.T) {
	for mark, spools := range map[int]bool{70: true, 99: true, 100: false, 110: false} {
		for _, flow := range []bool{true, false} {
			s := newTemporary(t)
			f := start(t, func(o *Options) {
				o.Spool = s
				o.Policy = func(message.Destination) Policy {
					p := DefaultPolicy()
					p.MemoryLimit, p.CursorMemoryHighWaterMark, p.ProducerFlowControl = 10*1029, mark, flow
					return p
				}
			})
			c := f.connect()
			p := c.producer(1, orders)
			c.sendN(p, orders, 10, transient)
			waiting := newOutcome()
			for range 10 {
				waiting = newOutcome()
				c.Send(context.Background(), c.make(p, orders, transient), true, waiting.done)
			}
			wait := !spools && flow
			require.Equal(t, wait, f.stats(orders).Blocked > 0, "mark %d, flow control %t", mark, flow)
			require.Equal(t, !wait, f.stats(orders).Size == 20, "mark %d, flow control %t", mark, flow)
			c.consumer(1, orders, 100)
			for i := int64(1); i <= 20; i += 10 {
				d := c.take(t, 10)
				require.Equal(t, count(i, 10), sequencesOf(d))
				require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
			}
			require.NoError(t, waiting.wait(t))
		}
	}
}

func TestManyStuckQueues(t *testing.T) {
	s := newTemporary(t)
	f := start(t, tight(s, 200))
	c, d := f.connect(), f.connect()
	for i := range 1000 {
		q := message.NewQueue(fmt.Sprintf("STUCK.%d", i))
		c.sendN(c.producer(int64(i), q), q, 5, transient)
		used, limit := f.Memory()
		require.LessOrEqual(t, used, limit)
	}
	d.consumer(1, orders, 10)
	p := c.producer(5000, orders)
	for i := int64(1); i <= 200; i++ {
		c.sendN(p, orders, 1, transient)
		got := d.take(t, 1)
		require.Equal(t, i, got[0].Message.ID.ProducerSequence)
		require.NoError(t, d.ack(ackOf(message.StandardAck, got...)))
	}
	require.Zero(t, f.stats(orders).Memory)
}

func TestMinimumMessageSize(t *testing.T) {
	f := start(t, func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.MinimumMessageSize = 100
			return p
		}
	})
	c := f.connect()
	c.sendN(c.producer(1, orders), orders, 3, transient)
	require.EqualValues(t, 3*105, f.stats(orders).Memory)
}
