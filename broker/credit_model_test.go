package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// creditModel is what consumers may be given and must be given: no more than
// prefetch and extension, and whatever waits that they want.
type creditModel struct {
	t         *rapid.T
	f         *fixture
	c         *client
	other     *client // its messages are not local to c
	producers [2]message.ProducerID
	messages  []*creditMessage
	byID      map[message.MessageID]*creditMessage
	consumers []*creditConsumer
}

type creditMessage struct {
	id       message.MessageID
	local    bool
	holder   *creditConsumer
	consumed bool
}

type creditConsumer struct {
	id        message.ConsumerID
	noLocal   bool
	prefetch  int
	extension int
	inflight  []message.Delivery
}

func (k *creditConsumer) credit() int { return k.prefetch + k.extension - len(k.inflight) }

func (m *creditModel) add() {
	if len(m.consumers) >= 4 {
		m.t.Skip("enough")
	}
	k := &creditConsumer{noLocal: rapid.Bool().Draw(m.t, "noLocal"), prefetch: rapid.IntRange(1, 5).Draw(m.t, "prefetch")}
	k.id = message.ConsumerID{Connection: m.c.session.Connection, Session: 1, Value: int64(len(m.consumers) + 1)}
	m.consumers = append(m.consumers, k)
	m.c.consumer(k.id.Value, orders, int32(k.prefetch), func(i *message.ConsumerInfo) { i.NoLocal = k.noLocal })
}

func (m *creditModel) send() {
	for range rapid.IntRange(1, 6).Draw(m.t, "n") {
		c, p, local := m.c, m.producers[0], rapid.Bool().Draw(m.t, "local")
		if !local {
			c, p = m.other, m.producers[1]
		}
		x := c.make(p, orders)
		s := &creditMessage{id: x.ID, local: local}
		m.messages = append(m.messages, s)
		m.byID[x.ID] = s
		require.NoError(m.t, c.send(x))
	}
}

func (m *creditModel) absorb() {
	m.c.peer.mu.Lock()
	deliveries := m.c.deliveries
	m.c.deliveries = nil
	m.c.peer.mu.Unlock()
	for _, d := range deliveries {
		k := m.consumers[d.Consumer.Value-1]
		id := d.Message.ID
		id.BrokerSequence = 0
		s := m.byID[id]
		require.NotNil(m.t, s)
		require.Nil(m.t, s.holder)
		require.False(m.t, s.consumed)
		require.False(m.t, k.noLocal && s.local)
		for _, earlier := range m.messages {
			if earlier == s {
				break
			}
			taken := earlier.holder != nil || earlier.consumed || k.noLocal && earlier.local
			require.True(m.t, taken, "%v overtakes %v for %v", s.id, earlier.id, k.id)
		}
		s.holder = k
		k.inflight = append(k.inflight, d)
		require.GreaterOrEqual(m.t, k.credit(), 0, "%d in flight of %d and %d more", len(k.inflight), k.prefetch, k.extension)
	}
}

// settle waits until nobody with credit wants what waits.
func (m *creditModel) settle() {
	for end := time.Now().Add(patience); ; m.c.peer.await(time.Millisecond) {
		m.absorb()
		starved := ""
		for _, k := range m.consumers {
			for _, s := range m.messages {
				if k.credit() > 0 && s.holder == nil && !s.consumed && !(k.noLocal && s.local) {
					starved = fmt.Sprint(k.id, " waits for ", s.id)
				}
			}
		}
		if starved == "" {
			return
		}
		require.True(m.t, time.Now().Before(end), starved)
	}
}

// pick returns a consumer that has something in flight.
func (m *creditModel) pick() *creditConsumer {
	m.settle()
	var list []*creditConsumer
	for _, k := range m.consumers {
		if len(k.inflight) > 0 {
			list = append(list, k)
		}
	}
	if len(list) == 0 {
		m.t.Skip("nothing in flight")
	}
	return rapid.SampledFrom(list).Draw(m.t, "consumer")
}

// delivered extends what may be in flight.
func (m *creditModel) delivered() {
	k := m.pick()
	n := rapid.IntRange(1, len(k.inflight)).Draw(m.t, "n")
	a := ackOf(message.DeliveredAck, k.inflight[:n]...)
	k.extension = min(k.extension+n, len(k.inflight))
	require.NoError(m.t, m.c.ack(a))
}

// acknowledge consumes a range from the oldest, or one out of the middle.
func (m *creditModel) acknowledge(individual bool) {
	k := m.pick()
	from, until := 0, rapid.IntRange(1, len(k.inflight)).Draw(m.t, "n")
	kind := message.StandardAck
	if individual {
		from, kind = until-1, message.IndividualAck
	}
	list := append([]message.Delivery(nil), k.inflight[from:until]...)
	k.inflight = append(k.inflight[:from:from], k.inflight[until:]...)
	k.extension = min(max(k.extension-len(list), 0), len(k.inflight))
	for _, d := range list {
		id := d.Message.ID
		id.BrokerSequence = 0
		m.byID[id].consumed, m.byID[id].holder = true, nil
	}
	require.NoError(m.t, m.c.ack(ackOf(kind, list...)))
}

func (m *creditModel) resize() {
	if len(m.consumers) == 0 {
		m.t.Skip("no consumer")
	}
	m.settle() // what was given by the old size has come
	k := rapid.SampledFrom(m.consumers).Draw(m.t, "consumer")
	larger := k.prefetch + rapid.IntRange(0, 3).Draw(m.t, "more")
	k.prefetch = larger
	require.NoError(m.t, m.c.SetPrefetch(k.id, int32(larger)))
}

func TestCreditAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := start(t, small, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = rapid.Bool().Draw(rt, "concurrent") })
		defer f.close()
		m := &creditModel{t: rt, f: f, c: f.connect(), other: f.connect(), byID: map[message.MessageID]*creditMessage{}}
		m.producers = [2]message.ProducerID{m.c.producer(1, orders), m.other.producer(1, orders)}
		rt.Repeat(map[string]func(*rapid.T){
			"send":        func(*rapid.T) { m.send() },
			"add":         func(*rapid.T) { m.add() },
			"delivered":   func(*rapid.T) { m.delivered() },
			"acknowledge": func(*rapid.T) { m.acknowledge(false) },
			"individual":  func(*rapid.T) { m.acknowledge(true) },
			"resize":      func(*rapid.T) { m.resize() },
			"settle":      func(*rapid.T) { m.settle() },
		})
		m.settle()
	})
}
