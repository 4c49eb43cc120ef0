package broker

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// slowPeer takes three messages, then says that it is congested.
type slowPeer struct {
	*peer
	mu     sync.Mutex
	room   int
	resume func()
}

func (p *slowPeer) Deliver(d message.Delivery) {
	p.mu.Lock()
	p.room--
	p.mu.Unlock()
	p.peer.Deliver(d)
}

func (p *slowPeer) Congested(resume func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.room > 0 {
		return false
	}
	if p.resume != nil {
		panic("asked twice")
	}
	p.resume = resume
	return true
}

func (p *slowPeer) read(n int) {
	p.mu.Lock()
	p.room += n
	resume := p.resume
	p.resume = nil
	p.mu.Unlock()
	resume()
}

var slowConsumer = message.ConsumerID{Connection: "slow", Session: 1, Value: 1}

// connectSlow makes a connection that takes room messages at once.
func (f *fixture) connectSlow(room int) (*slowPeer, *Connection) {
	slow := &slowPeer{peer: newPeer(), room: room}
	c, err := f.Connect(&message.ConnectionInfo{ID: "slow", ClientID: "slow"}, slow)
	require.NoError(f.t, err)
	require.NoError(f.t, c.AddSession(&message.SessionInfo{ID: slowConsumer.SessionID()}))
	return slow, c
}

// What a subscriber's peer does not read waits where its memory counts, comes
// in order when the peer reads again, and is not discarded within the credit.
func TestSubscriberThatDoesNotRead(t *testing.T) {
	for name, limit := range map[string]int{"no limit": -1, "limit 0": 0, "limit 2": 2} {
		t.Run(name, func(t *testing.T) {
			topic := message.NewTopic("T")
			f := start(t, func(o *Options) {
				o.Policy = func(message.Destination) Policy {
					p := DefaultPolicy()
					p.PendingMessageLimit = limit
					return p
				}
			})
			slow, c := f.connectSlow(3)
			require.NoError(t, c.AddConsumer(&message.ConsumerInfo{ID: slowConsumer, Destination: topic, PrefetchSize: 20}))

			sender := f.connect()
			p := sender.producer(1, topic)
			sender.sendN(p, topic, 10)
			require.Equal(t, 3, slow.count())
			require.NotZero(t, f.stats(topic).Memory)
			slow.read(2)
			require.Equal(t, 5, slow.count())
			sender.sendN(p, topic, 2)
			require.Equal(t, 5, slow.count(), "nothing overtakes")
			slow.read(100)
			require.Equal(t, count(1, 12), sequencesOf(slow.take(t, 12)))
			require.Zero(t, f.stats(topic).Memory)
			require.Zero(t, f.stats(topic).Discarded)
			c.Close()
		})
	}
}

// A queue's messages stay in it while the peer of one consumer does not read,
// and go to another that does; so do a durable subscription's.
func TestConsumerThatDoesNotRead(t *testing.T) {
	for name, change := range map[string]func(*message.ConsumerInfo){
		"queue": func(i *message.ConsumerInfo) { i.Destination = orders },
		"durable": func(i *message.ConsumerInfo) {
			i.Destination, i.SubscriptionName = news, "sub"
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			slow, c := f.connectSlow(3)
			info := &message.ConsumerInfo{ID: slowConsumer, PrefetchSize: 20}
			change(info)
			require.NoError(t, c.AddConsumer(info))
			sender := f.connect()
			p := sender.producer(1, info.Destination)
			sender.sendN(p, info.Destination, 10)
			require.Equal(t, count(1, 3), sequencesOf(slow.take(t, 3)))
			eventually(t, "held", func() bool { slow.mu.Lock(); defer slow.mu.Unlock(); return slow.resume != nil })
			require.Zero(t, slow.count())
			slow.read(4)
			require.Equal(t, count(4, 4), sequencesOf(slow.take(t, 4)))
			if name == "queue" {
				require.EqualValues(t, 7, f.stats(orders).InFlight)
				sender.consumer(1, orders, 20)
				require.Equal(t, count(8, 3), sequencesOf(sender.take(t, 3)))
			} else {
				slow.read(4)
				require.Equal(t, count(8, 3), sequencesOf(slow.take(t, 3)))
			}
			require.Zero(t, slow.count())
			c.Close()
		})
	}
}

// A browser waits for its peer as well, and does not hold the queue up.
func TestBrowserThatDoesNotRead(t *testing.T) {
	f := start(t)
	sender := f.connect()
	sender.sendN(sender.producer(1, orders), orders, 10)
	slow, c := f.connectSlow(3)
	require.NoError(t, c.AddConsumer(&message.ConsumerInfo{ID: slowConsumer, Destination: orders, PrefetchSize: 20, Browser: true}))
	require.Equal(t, count(1, 3), sequencesOf(slow.take(t, 3)))
	eventually(t, "held", func() bool { slow.mu.Lock(); defer slow.mu.Unlock(); return slow.resume != nil })
	require.Zero(t, slow.count())
	sender.consumer(1, orders, 20)
	sender.take(t, 10)
	slow.read(100)
	d := slow.take(t, 8)
	require.Equal(t, count(4, 7), sequencesOf(d[:7]))
	require.Nil(t, d[7].Message, "the end")
	c.Close()
}

// Whoever is not read leaves memory for the others.
func TestUnreadQueueLeavesMemoryForOthers(t *testing.T) {
	const size = 1029 // of a message of the harness
	f := start(t, func(o *Options) { o.MemoryLimit = 90 * size; o.SendFailIfNoSpace = true })
	c := f.connect()
	fill := func(n int64, dest message.Destination) (accepted int) {
		p := c.producer(n, dest)
		for c.send(c.make(p, dest, transient)) == nil {
			accepted++
		}
		return accepted
	}
	require.Equal(t, 60, fill(1, orders), "two thirds")
	require.Equal(t, 20, fill(2, message.NewQueue("UNREAD")), "two thirds of the rest")
	c.consumer(1, message.NewQueue("READ"), 10)
	p := c.producer(3, message.NewQueue("READ"))
	for i := range int64(200) {
		c.sendN(p, message.NewQueue("READ"), 1, transient)
		d := c.take(t, 1)
		require.Equal(t, i+1, d[0].Message.ID.ProducerSequence)
		require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
	}
}

// However many sends wait, the log says once that they do.
func TestBlockedProducersAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	f := start(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)); o.MemoryLimit = 2000 })
	topic := message.NewTopic("T")
	reader := f.connect()
	reader.consumer(1, topic, 1)
	c := f.connect()
	p := c.producer(1, topic)
	var waiting []outcome
	for range 20 {
		o := newOutcome()
		waiting = append(waiting, o)
		c.Send(t.Context(), c.make(p, topic, func(m *message.Message) { m.Content = make([]byte, 500) }), true, o.done)
	}
	for range waiting {
		d := reader.take(t, 1)
		require.NoError(t, reader.ack(ackOf(message.StandardAck, d...)))
	}
	for _, o := range waiting {
		require.NoError(t, o.wait(t))
	}
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("Usage Manager Memory Limit reached")))
}
