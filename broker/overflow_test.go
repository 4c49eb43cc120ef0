package broker

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

func TestSpooledMessagesByPriority(t *testing.T) {
	s := newTemporary(t)
	f := start(t, tight(s, 100), func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.PrioritizedMessages, p.MaxPageSize = true, leastWindow
			return p
		}
	})
	c := f.connect()
	p := c.producer(1, orders)
	var want []int64
	by := map[uint8][]int64{}
	for i := range 3000 {
		m := c.make(p, orders, func(m *message.Message) { m.Priority, m.Persistent = uint8(i*7%10), i%3 == 0 })
		by[m.Priority] = append(by[m.Priority], m.ID.ProducerSequence)
		require.NoError(t, c.send(m))
	}
	for priority := 9; priority >= 0; priority-- {
		want = append(want, by[uint8(priority)]...)
	}
	b := f.connect()
	b.consumer(1, orders, 5000, func(i *message.ConsumerInfo) { i.Browser = true })
	require.Equal(t, want, sequencesOf(b.take(t, 3001)[:3000]))
	c.consumer(1, orders, 10)
	var got []int64
	for len(got) < 3000 {
		d := c.take(t, 10)
		got = append(got, sequencesOf(d)...)
		require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
	}
	require.True(t, slices.Equal(want, got))
	require.Zero(t, s.Used())
	require.Zero(t, f.usage.used.Load())
}

func TestSelectiveConsumersGetSpooledMessages(t *testing.T) {
	s := newTemporary(t)
	f := start(t, tight(s, 300), small, func(o *Options) { o.ParseSelector = parseColours })
	c, a, b := f.connect(), f.connect(), f.connect()
	p := c.producer(1, orders)
	var as, bs []int64
	for i := range 2000 {
		m := c.make(p, orders, func(m *message.Message) {
			m.Persistent = i%11 == 0
			if m.Type = "b"; i%20 == 0 {
				m.Type = "a"
			}
		})
		if m.Type == "a" {
			as = append(as, m.ID.ProducerSequence)
		} else {
			bs = append(bs, m.ID.ProducerSequence)
		}
		require.NoError(t, c.send(m))
	}
	require.NotZero(t, s.Used())
	b.consumer(1, orders, 10, func(i *message.ConsumerInfo) { i.Selector = "b" })
	for _, want := range bs {
		d := b.take(t, 1)
		require.Equal(t, want, d[0].Message.ID.ProducerSequence)
		require.NoError(t, b.ack(ackOf(message.StandardAck, d...)))
	}
	a.consumer(1, orders, 10, func(i *message.ConsumerInfo) { i.Selector = "a" })
	for _, want := range as {
		d := a.take(t, 1)
		require.Equal(t, want, d[0].Message.ID.ProducerSequence)
		require.NoError(t, a.ack(ackOf(message.StandardAck, d...)))
	}
	require.Zero(t, s.Used())
	require.Zero(t, f.usage.used.Load())
}

// glance is a disk on which something happens before each page is read.
type glance struct {
	*disk
	before atomic.Pointer[func()]
}

func (g *glance) happen() {
	if f := g.before.Load(); f != nil {
		(*f)()
	}
}

func (g *glance) Page(dst []store.Entry, dest message.Destination, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	g.happen()
	return g.disk.Page(dst, dest, after, limit, maxBytes)
}

func (g *glance) PageSubscription(dst []store.Entry, dest message.Destination, key string, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	g.happen()
	return g.disk.PageSubscription(dst, dest, key, after, limit, maxBytes)
}

// What is sent after the pager has looked whether anything is spooled, and
// before it reads the store, keeps its order.
func TestSpooledWhileThePagerBegins(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		for _, dest := range []message.Destination{orders, news} {
			d := &glance{disk: newDisk(t)}
			f := startOn(t, d, tight(newTemporary(t), 100), small, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent })
			sender, c := f.connect(), f.connect(as("alice"))
			p := sender.producer(1, dest)
			id := c.consumer(1, dest, 1, durableNamed("s"))
			sender.sendN(p, dest, leastWindow+4)
			last := int64(leastWindow + 4)
			send := func() {
				if last < 200 {
					last += 2
					sender.sendN(p, dest, 1, transient)
					sender.sendN(p, dest, 1)
				}
			}
			d.before.Store(&send)
			for want := int64(1); want <= 200; want++ {
				got := c.take(t, 1)
				require.Equal(t, want, got[0].Message.ID.ProducerSequence)
				require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
			}
			require.NoError(t, c.RemoveConsumer(id, message.LastDeliveredUnknown))
		}
	}
}
