package broker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// model is what one queue must do, whatever its consumers do. Deliveries are
// taken from one peer, so that their order is that of dispatch.
type model struct {
	t         *rapid.T
	f         *fixture
	c         *client
	p         message.ProducerID
	messages  map[int64]*modelMessage
	consumers map[message.ConsumerID]*modelConsumer
	next      int64 // of consumers
	tx        message.TransactionID
	txNumber  int64
	last      int64 // highest stored message that was delivered for the first time
	spooled   bool  // others are in order with them
}

type modelMessage struct {
	persistent bool
	transacted bool
	pending    bool // in the open transaction
	consumed   bool
	held       bool // acknowledged in the open transaction
	returned   bool
	counter    int32
	holder     *modelConsumer
}

type modelConsumer struct {
	id       message.ConsumerID
	prefetch int
	inflight []message.Delivery
	closed   bool
}

// absorb takes the deliveries so far and checks each.
func (m *model) absorb() {
	m.c.peer.mu.Lock()
	deliveries := m.c.deliveries
	m.c.deliveries = nil
	m.c.peer.mu.Unlock()
	for _, d := range deliveries {
		c := m.consumers[d.Consumer]
		require.NotNil(m.t, c, "delivered to a consumer that is gone")
		seq := d.Message.ID.ProducerSequence
		x := m.messages[seq]
		require.NotNil(m.t, x, "delivered what was never sent or was rolled back")
		require.False(m.t, x.pending, "%d delivered before its commit", seq)
		require.False(m.t, x.consumed, "%d delivered after its acknowledgement", seq)
		require.Nil(m.t, x.holder, "%d delivered to two consumers", seq)
		require.Equal(m.t, x.counter, d.RedeliveryCounter, "redelivery counter of %d", seq)
		if (x.persistent || m.spooled) && !x.returned && !x.transacted {
			require.Greater(m.t, seq, m.last, "out of order")
			m.last = seq
		}
		x.holder = c
		c.inflight = append(c.inflight, d)
		require.LessOrEqual(m.t, len(c.inflight), c.prefetch, "more than the credit")
	}
}

func (m *model) send(persistent, transacted bool) {
	change := func(x *message.Message) {
		x.Persistent = persistent
		if transacted {
			x.Transaction = m.open()
		}
	}
	x := m.c.make(m.p, orders, change)
	m.messages[x.ID.ProducerSequence] = &modelMessage{persistent: persistent, transacted: transacted, pending: transacted}
	require.NoError(m.t, m.c.send(x))
}

func (m *model) open() message.TransactionID {
	if m.tx.IsZero() {
		m.txNumber++
		m.tx = m.c.begin(m.txNumber)
	}
	return m.tx
}

func (m *model) pick() *modelConsumer {
	var list []*modelConsumer
	for n := int64(1); n <= m.next; n++ {
		id := message.ConsumerID{Connection: m.c.session.Connection, Session: 1, Value: n}
		if c := m.consumers[id]; c != nil {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		m.t.Skip("no consumer")
	}
	return rapid.SampledFrom(list).Draw(m.t, "consumer")
}

func (m *model) acknowledge(transacted bool) {
	m.absorb()
	c := m.pick()
	if len(c.inflight) == 0 {
		m.t.Skip("nothing in flight")
	}
	i := rapid.IntRange(0, len(c.inflight)-1).Draw(m.t, "message")
	d := c.inflight[i]
	x := m.messages[d.Message.ID.ProducerSequence]
	if x.held {
		m.t.Skip("held already")
	}
	a := ackOf(message.IndividualAck, d)
	if transacted {
		a.Type = message.StandardAck
		a.Transaction = m.open()
		x.held = true
	} else {
		c.inflight = append(c.inflight[:i:i], c.inflight[i+1:]...)
		x.consumed, x.holder = true, nil
	}
	require.NoError(m.t, m.c.ack(a))
}

// acknowledgeAll consumes everything in flight of a consumer in one range.
func (m *model) acknowledgeAll() {
	m.absorb()
	c := m.pick()
	if len(c.inflight) == 0 {
		m.t.Skip("nothing in flight")
	}
	for _, d := range c.inflight {
		if m.messages[d.Message.ID.ProducerSequence].held {
			m.t.Skip("mixed with a transaction")
		}
	}
	all := c.inflight
	c.inflight = nil
	for _, d := range all {
		x := m.messages[d.Message.ID.ProducerSequence]
		x.consumed, x.holder = true, nil
	}
	require.NoError(m.t, m.c.ack(ackOf(message.StandardAck, all...)))
}

func (m *model) finish(commit bool) {
	m.absorb()
	if m.tx.IsZero() {
		m.t.Skip("no transaction")
	}
	for seq, x := range m.messages {
		if x.pending {
			if x.pending = false; !commit {
				delete(m.messages, seq)
			}
		}
		if !x.held {
			continue
		}
		x.held = false
		c := x.holder
		switch {
		case commit:
			x.consumed, x.holder = true, nil
			for i, d := range c.inflight {
				if d.Message.ID.ProducerSequence == seq {
					c.inflight = append(c.inflight[:i:i], c.inflight[i+1:]...)
					break
				}
			}
		case c.closed:
			x.holder, x.returned = nil, true
			x.counter++
		}
	}
	tx := m.tx
	m.tx = message.TransactionID{}
	if commit {
		require.NoError(m.t, m.c.commit(tx))
	} else {
		require.NoError(m.t, m.c.rollback(tx))
	}
}

func (m *model) addConsumer() {
	if len(m.consumers) >= 4 {
		m.t.Skip("enough")
	}
	m.next++
	prefetch := rapid.IntRange(1, 8).Draw(m.t, "prefetch")
	id := message.ConsumerID{Connection: m.c.session.Connection, Session: 1, Value: m.next}
	m.consumers[id] = &modelConsumer{id: id, prefetch: prefetch}
	m.c.consumer(m.next, orders, int32(prefetch))
}

// removeConsumer closes one whose application has seen the first few of what
// it has in flight.
func (m *model) removeConsumer() {
	c := m.pick()
	// A delivery may be under way from the pager: taking the consumer's credit
	// away first makes its state certain.
	require.NoError(m.t, m.c.SetPrefetch(c.id, 0))
	m.absorb()
	seen := rapid.IntRange(-1, len(c.inflight)-1).Draw(m.t, "seen")
	last := message.LastDeliveredUnset
	if seen >= 0 {
		last = c.inflight[seen].Message.ID.BrokerSequence
		if m.messages[c.inflight[seen].Message.ID.ProducerSequence].held {
			m.t.Skip("the last one seen is held")
		}
	}
	if rapid.Bool().Draw(m.t, "unknown") {
		last, seen = message.LastDeliveredUnknown, len(c.inflight)-1
	}
	for i, d := range c.inflight {
		x := m.messages[d.Message.ID.ProducerSequence]
		if x.held {
			continue
		}
		x.holder, x.returned = nil, true
		if i <= seen {
			x.counter++
		}
	}
	c.closed = true
	delete(m.consumers, c.id)
	require.NoError(m.t, m.c.RemoveConsumer(c.id, last))
}

// drain ends the transaction and consumes everything, each message once.
func (m *model) drain() {
	if !m.tx.IsZero() {
		m.finish(true)
	}
	m.next++
	id := message.ConsumerID{Connection: m.c.session.Connection, Session: 1, Value: m.next}
	m.consumers[id] = &modelConsumer{id: id, prefetch: 1 << 20}
	m.c.consumer(m.next, orders, 1<<20)
	for end := time.Now().Add(patience); m.f.stats(orders).Size > 0; time.Sleep(100 * time.Microsecond) {
		require.True(m.t, time.Now().Before(end), "not everything is delivered")
		m.absorb()
		for _, c := range m.consumers {
			all := c.inflight
			c.inflight = nil
			for _, d := range all {
				x := m.messages[d.Message.ID.ProducerSequence]
				x.consumed, x.holder = true, nil
			}
			if len(all) > 0 {
				require.NoError(m.t, m.c.ack(ackOf(message.StandardAck, all...)))
			}
		}
	}
	for seq, x := range m.messages {
		require.True(m.t, x.consumed, "%d lost", seq)
	}
	s := m.f.stats(orders)
	require.Zero(m.t, s.InFlight)
	require.Zero(m.t, s.Memory)
	left, err := m.f.store.Page(nil, orders, 0, 10, 1<<20)
	require.NoError(m.t, err)
	require.Empty(m.t, left)
}

func TestQueueAgainstModel(t *testing.T) {
	for name, v := range map[string]struct{ concurrent, spooled bool }{
		"stored first": {}, "concurrent": {concurrent: true}, "spooled": {spooled: true}, "concurrent, spooled": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			temporary := newTemporary(t)
			rapid.Check(t, func(rt *rapid.T) {
				f := start(t, small, func(o *Options) {
					o.ConcurrentStoreAndDispatchQueues = v.concurrent
					if v.spooled {
						o.Spool, o.MemoryLimit = temporary, 30*1029
					}
				})
				defer f.close()
				c := f.connect()
				m := &model{t: rt, f: f, c: c, spooled: v.spooled, p: c.producer(1, orders), messages: map[int64]*modelMessage{}, consumers: map[message.ConsumerID]*modelConsumer{}}
				rt.Repeat(map[string]func(*rapid.T){
					"send": func(*rapid.T) {
						for range rapid.IntRange(1, 20).Draw(rt, "n") {
							m.send(true, false)
						}
					},
					"send transient":     func(*rapid.T) { m.send(false, false) },
					"send transacted":    func(*rapid.T) { m.send(rapid.Bool().Draw(rt, "persistent"), true) },
					"acknowledge":        func(*rapid.T) { m.acknowledge(false) },
					"acknowledge all":    func(*rapid.T) { m.acknowledgeAll() },
					"acknowledge in":     func(*rapid.T) { m.acknowledge(true) },
					"commit":             func(*rapid.T) { m.finish(true) },
					"rollback":           func(*rapid.T) { m.finish(false) },
					"add consumer":       func(*rapid.T) { m.addConsumer() },
					"remove consumer":    func(*rapid.T) { m.removeConsumer() },
					"remove consumer, 2": func(*rapid.T) { m.removeConsumer() },
					"": func(*rapid.T) {
						m.absorb()
						require.GreaterOrEqual(rt, f.usage.used.Load(), int64(0))
						require.GreaterOrEqual(rt, f.stats(orders).Memory, int64(0))
					},
				})
				m.drain()
				require.Zero(rt, temporary.Used())
				require.Zero(rt, f.usage.used.Load())
			})
		})
	}
}
