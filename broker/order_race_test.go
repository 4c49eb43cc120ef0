package broker

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// TestOrderRace: producers of all priorities and consumers with and without
// selectors race over the edges between window and store: nothing is lost or
// doubled, and what a consumer gets of a producer and a priority is in order.
func TestOrderRace(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		f := start(t, func(o *Options) {
			o.ConcurrentStoreAndDispatchQueues, o.ParseSelector = concurrent, parseColours
			o.Policy = func(message.Destination) Policy {
				p := DefaultPolicy()
				p.MaxPageSize, p.PrioritizedMessages = leastWindow, true
				return p
			}
		})
		const producers, each = 3, 400
		var wg sync.WaitGroup
		for range producers {
			c := f.connect()
			p := c.producer(1, orders)
			wg.Go(func() {
				for i := range each {
					m := c.make(p, orders)
					m.Priority, m.Type = uint8(i*7%10), string("abc"[i%3])
					o := newOutcome()
					c.Send(context.Background(), m, i%10 == 0, o.done)
					if i%10 == 0 {
						<-o
					}
				}
			})
		}
		c := f.connect()
		for i, s := range []string{"a", "b,c", "", "c"} {
			c.consumer(int64(i), orders, int32(5+10*i), selecting(s))
		}
		type stream struct {
			consumer message.ConsumerID
			producer message.ProducerID
			priority uint8
		}
		last, seen := map[stream]int64{}, map[message.MessageKey]bool{}
		for range producers * each {
			d := c.take(t, 1)[0]
			id := d.Message.ID
			require.False(t, seen[id.Key()], "delivered twice")
			seen[id.Key()] = true
			s := stream{d.Consumer, id.Producer, d.Message.Priority}
			require.Greater(t, id.ProducerSequence, last[s])
			last[s] = id.ProducerSequence
			c.Acknowledge(ackOf(message.StandardAck, d), false, func(err error) { require.NoError(t, err) })
		}
		wg.Wait()
		eventually(t, "empty", func() bool { return f.stats(orders).Size == 0 })
		require.Zero(t, f.stats(orders).Memory)
		require.Zero(t, c.count())
	}
}

// TestDurableByPriority: a durable subscription's backlog, far larger than its
// window, comes by priority, again after its consumer left in the middle.
func TestDurableByPriority(t *testing.T) {
	f := start(t, func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.MaxPageSize, p.PrioritizedMessages = leastWindow, true
			return p
		}
	})
	c := f.connect()
	durably := func(i *message.ConsumerInfo) { i.SubscriptionName = "s" }
	first := c.consumer(1, news, 20, durably)
	require.NoError(t, c.RemoveConsumer(first, message.LastDeliveredUnset))
	p := c.producer(1, news)
	const n = 600
	for i := range n {
		require.NoError(t, c.send(c.make(p, news, func(m *message.Message) { m.Priority = uint8(i * 7 % 10) })))
	}
	var want []int64
	for priority := 9; priority >= 0; priority-- {
		for i := range n {
			if i*7%10 == priority {
				want = append(want, int64(i+1))
			}
		}
	}
	second := c.consumer(2, news, 20, durably)
	got := c.take(t, 20)
	require.Equal(t, want[:20], sequencesOf(got))
	require.NoError(t, c.ack(ackOf(message.StandardAck, got[:15]...)))
	c.take(t, 15)
	require.NoError(t, c.RemoveConsumer(second, message.LastDeliveredUnset))
	c.consumer(3, news, 20, durably)
	for at := 15; at < n; {
		got := c.take(t, min(20, n-at))
		require.Equal(t, want[at:at+len(got)], sequencesOf(got))
		require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
		at += len(got)
	}
}
