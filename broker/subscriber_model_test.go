package broker

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// listenerModel is what one topic subscriber must do, whatever its client
// does: a list of what it was given and of what waits.
type listenerModel struct {
	t         *rapid.T
	f         *fixture
	c         *client
	p         message.ProducerID
	id        message.ConsumerID
	limit     int
	rule      EvictionRule
	ranked    bool // by priority
	prefetch  int
	extension int
	inflight  []*message.Message
	waiting   []*message.Message
	held      []*message.Message // acknowledged in the open transaction
	tx        message.TransactionID
	txNumber  int64
	discarded int64
	expected  []int64 // deliveries that are due
}

func (m *listenerModel) credit() int { return m.prefetch + m.extension - len(m.inflight) }

func (m *listenerModel) deliver(x *message.Message) {
	m.inflight = append(m.inflight, x)
	m.expected = append(m.expected, x.ID.ProducerSequence)
}

func (m *listenerModel) drain() {
	for len(m.waiting) > 0 && m.credit() > 0 {
		m.deliver(m.waiting[0])
		m.waiting = m.waiting[1:]
	}
}

func (m *listenerModel) send(priority uint8, colour int32) {
	x := m.c.make(m.p, news, transient, func(x *message.Message) {
		x.Priority, x.Timestamp = priority, int64(len(m.expected))+x.ID.ProducerSequence
		if colour > 0 {
			x.Properties, _ = message.AppendProperties(nil, message.Properties{{Name: "colour", Value: colour}})
		}
	})
	require.NoError(m.t, m.c.send(x))
	switch {
	case len(m.waiting) == 0 && m.credit() > 0:
		m.deliver(x)
	case m.limit == 0:
		m.discarded++
	default:
		m.waiting = append(m.waiting, x)
		if m.ranked {
			slices.SortStableFunc(m.waiting, func(a, b *message.Message) int { return int(b.Priority) - int(a.Priority) })
		}
		for m.limit > 0 && len(m.waiting) > m.limit {
			before := len(m.waiting)
			m.waiting = m.evict()
			m.discarded += int64(before - len(m.waiting))
		}
	}
}

// evict is the strategy in its simplest words.
func (m *listenerModel) evict() []*message.Message {
	w := m.waiting
	switch m.rule {
	case UniqueProperty:
		var kept []*message.Message
		for _, x := range w {
			colour, ok, _ := x.Property("colour")
			newer := slices.ContainsFunc(w, func(y *message.Message) bool {
				c, _, _ := y.Property("colour")
				return c == colour && y.Timestamp > x.Timestamp
			})
			if ok && !newer {
				kept = append(kept, x)
			}
		}
		if len(kept) > 0 && len(kept) < len(w) {
			return kept
		}
	}
	if m.ranked || m.rule == LowestPriority {
		lowest := slices.MinFunc(w, func(a, b *message.Message) int { return int(a.Priority) - int(b.Priority) })
		i := slices.Index(w, lowest)
		return slices.Delete(slices.Clone(w), i, i+1)
	}
	return w[1:]
}

// acknowledge takes a range of what was delivered, or something else.
func (m *listenerModel) acknowledge(kind message.AckType, transacted bool) {
	if len(m.inflight) == 0 || transacted && m.held != nil {
		m.t.Skip("nothing in flight")
	}
	from := 0
	if kind == message.IndividualAck {
		from = rapid.IntRange(0, len(m.inflight)-1).Draw(m.t, "from")
	}
	to := from
	if kind != message.IndividualAck {
		to = rapid.IntRange(from, len(m.inflight)-1).Draw(m.t, "to")
	}
	acked := slices.Clone(m.inflight[from : to+1])
	a := &message.Ack{
		Type: kind, Count: int32(to - from + 1), Consumer: m.id, Destination: news,
		First: m.inflight[from].ID, Last: m.inflight[to].ID,
	}
	if transacted {
		a.Transaction = m.begin()
		m.held = acked
		if kind == message.IndividualAck {
			m.extension = min(m.extension+1, len(m.inflight))
		}
		require.NoError(m.t, m.c.ack(a))
		return
	}
	require.NoError(m.t, m.c.ack(a))
	m.consume(acked[0], acked)
	m.drain()
}

// consume forgets those of a range that are still in flight. A range whose
// first message is not is nothing.
func (m *listenerModel) consume(first *message.Message, acked []*message.Message) {
	if !slices.Contains(m.inflight, first) {
		return
	}
	before := len(m.inflight)
	m.inflight = slices.DeleteFunc(slices.Clone(m.inflight), func(x *message.Message) bool { return slices.Contains(acked, x) })
	m.extension = min(max(0, m.extension-before+len(m.inflight)), len(m.inflight))
}

func (m *listenerModel) begin() message.TransactionID {
	if m.tx.IsZero() {
		m.txNumber++
		m.tx = m.c.begin(m.txNumber)
	}
	return m.tx
}

func (m *listenerModel) end(commit bool) {
	if m.tx.IsZero() {
		m.t.Skip("no transaction")
	}
	if commit {
		require.NoError(m.t, m.c.commit(m.tx))
		m.consume(m.held[0], m.held)
	} else {
		require.NoError(m.t, m.c.rollback(m.tx))
		m.extension = max(0, m.extension-len(m.held))
	}
	m.tx, m.held = message.TransactionID{}, nil
	m.drain()
}

func (m *listenerModel) delivered() {
	if len(m.inflight) == 0 {
		m.t.Skip("nothing in flight")
	}
	n := rapid.IntRange(1, len(m.inflight)).Draw(m.t, "delivered")
	a := &message.Ack{Type: message.DeliveredAck, Count: int32(n), Consumer: m.id, Last: m.inflight[n-1].ID}
	require.NoError(m.t, m.c.ack(a))
	m.extension = min(m.extension+n, len(m.inflight))
	m.drain()
}

func (m *listenerModel) stray() {
	x := m.c.make(m.p, news)
	a := &message.Ack{Type: message.StandardAck, Count: rapid.Int32().Draw(m.t, "count"), Consumer: m.id, Last: x.ID}
	if rapid.Bool().Draw(m.t, "first") {
		a.First = x.ID
	}
	require.NoError(m.t, m.c.ack(a))
	m.drain()
}

// check compares what was delivered, in order, and what is counted.
func (m *listenerModel) check(*rapid.T) {
	m.c.peer.mu.Lock()
	got := sequencesOf(m.c.deliveries)
	m.c.deliveries = nil
	m.c.peer.mu.Unlock()
	require.Equal(m.t, append([]int64{}, m.expected...), got)
	m.expected = nil
	s := m.f.stats(news)
	require.EqualValues(m.t, len(m.inflight), s.InFlight)
	require.Equal(m.t, m.discarded, s.Discarded)
	size := int64(0)
	for _, x := range m.waiting {
		size += x.Size()
	}
	require.Equal(m.t, size, s.Memory)
}

// A subscriber gives and discards what the simple list says, whatever is sent
// and acknowledged, and however wrongly.
func TestSubscriberModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &listenerModel{
			t: rt, prefetch: rapid.IntRange(1, 5).Draw(rt, "prefetch"), limit: rapid.IntRange(-1, 4).Draw(rt, "limit"),
			rule:   rapid.SampledFrom([]EvictionRule{Oldest, LowestPriority, UniqueProperty}).Draw(rt, "rule"),
			ranked: rapid.Bool().Draw(rt, "ranked"),
		}
		m.f = start(t, governed(func(p *Policy) {
			p.PrioritizedMessages = m.ranked
			p.PendingMessageLimit, p.Eviction.By, p.Eviction.Property = m.limit, m.rule, "colour"
		}))
		defer m.f.close()
		m.c = m.f.connect()
		m.p = m.c.producer(1, news)
		m.id = m.c.consumer(1, news, int32(m.prefetch))
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check,
			"send": func(*rapid.T) {
				m.send(uint8(rapid.IntRange(0, 9).Draw(rt, "priority")), rapid.Int32Range(0, 3).Draw(rt, "colour"))
			},
			"standard":   func(*rapid.T) { m.acknowledge(message.StandardAck, false) },
			"individual": func(*rapid.T) { m.acknowledge(message.IndividualAck, false) },
			"transacted": func(*rapid.T) { m.acknowledge(message.StandardAck, true) },
			"delivered":  func(*rapid.T) { m.delivered() },
			"commit":     func(*rapid.T) { m.end(true) },
			"rollback":   func(*rapid.T) { m.end(false) },
			"stray":      func(*rapid.T) { m.stray() },
		})
	})
}
