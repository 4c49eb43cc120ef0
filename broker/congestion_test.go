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
			slow := &slowPeer{peer: newPeer(), room: 3}
			c, err := f.Connect(&message.ConnectionInfo{ID: "slow", ClientID: "slow"}, slow)
			require.NoError(t, err)
			session := message.SessionID{Connection: "slow", Value: 1}
			require.NoError(t, c.AddSession(&message.SessionInfo{ID: session}))
			require.NoError(t, c.AddConsumer(&message.ConsumerInfo{ID: message.ConsumerID{Connection: "slow", Session: 1, Value: 1},
				Destination: topic, PrefetchSize: 20}))

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
