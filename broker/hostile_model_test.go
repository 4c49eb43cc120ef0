package broker

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// hostileModel sends acknowledgements that no client should send between ones
// that it may, and knows what is in flight.
type hostileModel struct {
	t         *rapid.T
	f         *fixture
	c         *client
	other     *client
	p         message.ProducerID
	sent      []message.MessageID
	inflight  map[message.ConsumerID][]message.Delivery
	consumers []message.ConsumerID // of c, then one of the other client's
	consumed  map[int64]bool
	tx        int64
}

func (m *hostileModel) absorb() {
	for _, c := range []*client{m.c, m.other} {
		c.peer.mu.Lock()
		for _, d := range c.deliveries {
			require.False(m.t, m.consumed[d.Message.ID.ProducerSequence], "delivered after its acknowledgement")
			m.inflight[d.Consumer] = append(m.inflight[d.Consumer], d)
		}
		c.deliveries = nil
		c.peer.mu.Unlock()
	}
}

func (m *hostileModel) send() {
	for range rapid.IntRange(1, 4).Draw(m.t, "n") {
		x := m.c.make(m.p, orders)
		m.sent = append(m.sent, x.ID)
		require.NoError(m.t, m.c.send(x))
	}
}

// consume is what an honest client does: the oldest n in flight.
func (m *hostileModel) consume(c *client, id message.ConsumerID, n int) {
	m.absorb()
	list := m.inflight[id]
	if n = min(n, len(list)); n == 0 {
		return
	}
	m.inflight[id] = list[n:]
	for _, d := range list[:n] {
		m.consumed[d.Message.ID.ProducerSequence] = true
	}
	require.NoError(m.t, c.ack(ackOf(message.StandardAck, list[:n]...)))
}

// stranger returns the id of a message that id has not in flight.
func (m *hostileModel) stranger(id message.ConsumerID) message.MessageID {
	mine := map[message.MessageID]bool{}
	for _, d := range m.inflight[id] {
		mine[d.Message.ID] = true
	}
	list := []message.MessageID{
		{}, {Producer: m.p, ProducerSequence: -1}, {Producer: m.p, ProducerSequence: 1 << 40},
		{Producer: message.ProducerID{Connection: "nobody"}, ProducerSequence: 1},
	}
	for _, sent := range m.sent {
		if !mine[message.MessageID{Producer: sent.Producer, ProducerSequence: sent.ProducerSequence}] && !m.has(id, sent) {
			list = append(list, sent)
		}
	}
	return rapid.SampledFrom(list).Draw(m.t, "stranger")
}

func (m *hostileModel) has(id message.ConsumerID, x message.MessageID) bool {
	for _, d := range m.inflight[id] {
		if sameMessage(&d.Message.ID, &x) {
			return true
		}
	}
	return false
}

var ackTypes = []message.AckType{
	message.DeliveredAck, message.PoisonAck, message.StandardAck, message.RedeliveredAck,
	message.IndividualAck, message.ExpiredAck,
}

// attack sends an acknowledgement that must have no effect.
func (m *hostileModel) attack() {
	// A delivery that comes in between would make its message no stranger.
	m.setPrefetch(0)
	defer m.setPrefetch(5)
	m.absorb()
	id := rapid.SampledFrom(m.consumers).Draw(m.t, "consumer")
	mine := m.inflight[id]
	a := &message.Ack{
		Consumer: id, Destination: orders, Type: rapid.SampledFrom(ackTypes).Draw(m.t, "type"),
		Count: rapid.SampledFrom([]int32{1, 0, -1, -1 << 31, 2, 1<<31 - 1}).Draw(m.t, "count"),
	}
	sender, transacted := m.owner(id), rapid.Bool().Draw(m.t, "transacted")
	switch rapid.IntRange(0, 4).Draw(m.t, "kind") {
	case 0: // ends with what is not there
		a.Last = m.stranger(id)
	case 1: // begins with what is not there
		a.Last = m.stranger(id)
		if len(mine) > 0 && a.Type != message.IndividualAck && a.Type != message.DeliveredAck {
			a.First, a.Last = a.Last, mine[len(mine)-1].Message.ID
			if a.First.IsZero() {
				a.First.ProducerSequence = -5
			}
		}
	case 2: // backwards
		if len(mine) < 2 || a.Type == message.IndividualAck || a.Type == message.DeliveredAck {
			m.t.Skip("no range")
		}
		a.First, a.Last = mine[len(mine)-1].Message.ID, mine[0].Message.ID
	case 3: // a range of another number, which counts in a transaction as it does in ActiveMQ
		transacted = false
		if len(mine) == 0 || int(a.Count) == len(mine) {
			m.t.Skip("nothing in flight")
		}
		a.Type, a.First, a.Last = message.StandardAck, mine[0].Message.ID, mine[len(mine)-1].Message.ID
	case 4: // for another connection's consumer
		if len(mine) == 0 {
			m.t.Skip("nothing in flight")
		}
		if sender == m.c {
			sender = m.other
		} else {
			sender = m.c
		}
		a.Count, a.First, a.Last = int32(len(mine)), mine[0].Message.ID, mine[len(mine)-1].Message.ID
	}
	m.launch(sender, a, transacted)
}

func (m *hostileModel) setPrefetch(n int32) {
	for _, id := range m.consumers {
		require.NoError(m.f.t, m.owner(id).SetPrefetch(id, n))
	}
}

// launch sends it, in a transaction or not. One without effect may be taken in
// silence where nothing was delivered before.
func (m *hostileModel) launch(sender *client, a *message.Ack, transacted bool) {
	before := m.f.stats(orders)
	switch {
	case !transacted:
		_ = sender.ack(a)
	default:
		m.tx++
		a.Transaction = sender.begin(m.tx)
		_ = sender.ack(a)
		if rapid.Bool().Draw(m.t, "commit") {
			_ = sender.commit(a.Transaction) // a client that was told may commit the rest
		} else {
			require.NoError(m.t, sender.rollback(a.Transaction))
		}
	}
	after := m.f.stats(orders)
	require.Equal(m.t, before.InFlight, after.InFlight)
	require.Equal(m.t, before.Size, after.Size)
	require.Equal(m.t, before.Dequeued, after.Dequeued)
}

func (m *hostileModel) owner(id message.ConsumerID) *client {
	if id.Connection == m.c.session.Connection {
		return m.c
	}
	return m.other
}

// drain consumes the rest: everything that was sent, once.
func (m *hostileModel) drain() {
	eventually(m.f.t, "everything is consumed", func() bool {
		for _, id := range m.consumers {
			m.consume(m.owner(id), id, 1<<20)
		}
		return len(m.consumed) == len(m.sent)
	})
	eventually(m.f.t, "nothing is left", func() bool { return m.f.stats(orders).Size == 0 })
	require.Zero(m.t, m.f.stats(orders).InFlight)
	require.Zero(m.t, m.f.stats(message.NewQueue("ActiveMQ.DLQ")).Size)
}

func TestHostileAcknowledgements(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := start(t)
		defer f.close()
		m := &hostileModel{
			t: rt, f: f, c: f.connect(), other: f.connect(),
			inflight: map[message.ConsumerID][]message.Delivery{}, consumed: map[int64]bool{},
		}
		m.p = m.c.producer(1, orders)
		m.consumers = []message.ConsumerID{m.c.consumer(1, orders, 5), m.c.consumer(2, orders, 5), m.other.consumer(1, orders, 5)}
		rt.Repeat(map[string]func(*rapid.T){
			"send": func(*rapid.T) { m.send() },
			"consume": func(*rapid.T) {
				id := rapid.SampledFrom(m.consumers).Draw(rt, "consumer")
				m.consume(m.owner(id), id, rapid.IntRange(1, 3).Draw(rt, "n"))
			},
			"attack":   func(*rapid.T) { m.attack() },
			"attack 2": func(*rapid.T) { m.attack() },
		})
		m.drain()
	})
}
