package broker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// durableModel is what a durable subscription must do while its subscriber
// comes and goes, transactions outlive it and masters crash: every message is
// consumed once, none is delivered after that.
type durableModel struct {
	t        *rapid.T
	f        *fixture
	sender   *client
	p        message.ProducerID
	c        *client
	id       message.ConsumerID
	active   bool
	next     int64
	tx       message.TransactionID
	txNumber int64
	inflight []message.Delivery
	state    map[int64]string // sent, consumed, held
}

func (m *durableModel) connect() {
	m.sender = m.f.connect()
	m.p = m.sender.producer(1, news)
	m.sender.sequences[m.p] = int64(len(m.state))
	m.c = m.f.connect(as("alice"))
}

func (m *durableModel) absorb() {
	m.c.peer.mu.Lock()
	deliveries := m.c.deliveries
	m.c.deliveries = nil
	m.c.peer.mu.Unlock()
	for _, d := range deliveries {
		seq := d.Message.ID.ProducerSequence
		require.Equal(m.t, "sent", m.state[seq], "%d delivered", seq)
		for _, e := range m.inflight {
			require.NotEqual(m.t, seq, e.Message.ID.ProducerSequence, "delivered twice")
		}
		m.inflight = append(m.inflight, d)
	}
}

func (m *durableModel) send() {
	for range rapid.IntRange(1, 30).Draw(m.t, "n") {
		x := m.sender.make(m.p, news)
		x.ID.Producer.Value = 1
		m.state[x.ID.ProducerSequence] = "sent"
		require.NoError(m.t, m.sender.send(x))
	}
}

func (m *durableModel) activate() {
	if m.active {
		m.t.Skip("active")
	}
	m.next++
	m.id = m.c.consumer(m.next, news, int32(rapid.IntRange(1, 20).Draw(m.t, "prefetch")), durableNamed("s"))
	m.active = true
}

func (m *durableModel) deactivate() {
	if !m.active {
		m.t.Skip("not active")
	}
	require.NoError(m.t, m.c.SetPrefetch(m.id, 0))
	m.absorb()
	m.inflight = nil
	m.active = false
	last := rapid.SampledFrom([]int64{message.LastDeliveredUnknown, message.LastDeliveredUnset}).Draw(m.t, "last")
	require.NoError(m.t, m.c.RemoveConsumer(m.id, last))
}

func (m *durableModel) acknowledge(transacted bool) {
	m.absorb()
	if len(m.inflight) == 0 {
		m.t.Skip("nothing in flight")
	}
	i := rapid.IntRange(0, len(m.inflight)-1).Draw(m.t, "message")
	d := m.inflight[i]
	seq := d.Message.ID.ProducerSequence
	if m.state[seq] != "sent" {
		m.t.Skip("held already")
	}
	a := ackOf(message.IndividualAck, d)
	m.state[seq] = "consumed"
	if transacted {
		if m.tx.IsZero() {
			m.txNumber++
			m.tx = m.c.begin(m.txNumber)
		}
		a.Transaction = m.tx
		m.state[seq] = "held"
	} else {
		m.inflight = append(m.inflight[:i:i], m.inflight[i+1:]...)
	}
	done := func(err error) { require.NoError(m.t, err) }
	m.c.Acknowledge(a, false, done)
}

func (m *durableModel) finish(commit bool) {
	m.absorb()
	if m.tx.IsZero() {
		m.t.Skip("no transaction")
	}
	for seq, s := range m.state {
		if s != "held" {
			continue
		}
		m.state[seq] = "sent"
		if commit {
			m.state[seq] = "consumed"
		}
	}
	kept := m.inflight[:0]
	for _, d := range m.inflight {
		if m.state[d.Message.ID.ProducerSequence] != "consumed" {
			kept = append(kept, d)
		}
	}
	m.inflight = kept
	tx := m.tx
	m.tx = message.TransactionID{}
	if commit {
		require.NoError(m.t, m.c.commit(tx))
	} else {
		require.NoError(m.t, m.c.rollback(tx))
	}
}

// crash waits for what was acknowledged without an answer: it may be lost
// otherwise, which is another matter.
func (m *durableModel) crash() {
	if !m.tx.IsZero() {
		m.finish(false)
	}
	require.NoError(m.t, m.f.store.Close()) // a barrier
	m.f.stopping.Store(true)
	m.absorb()
	m.f = m.f.crash(small)
	m.inflight, m.active = nil, false
	m.connect()
}

func (m *durableModel) drain() {
	if !m.tx.IsZero() {
		m.finish(rapid.Bool().Draw(m.t, "commit"))
	}
	if m.active {
		m.deactivate()
	}
	m.activate()
	left := func() (n int) {
		for _, s := range m.state {
			if s != "consumed" {
				n++
			}
		}
		return n
	}
	look := time.NewTicker(100 * time.Microsecond)
	defer look.Stop()
	for end := time.Now().Add(patience); left() > 0; <-look.C {
		require.True(m.t, time.Now().Before(end), "not everything is delivered")
		m.absorb()
		for len(m.inflight) > 0 {
			d := m.inflight[0]
			m.inflight = m.inflight[1:]
			m.state[d.Message.ID.ProducerSequence] = "consumed"
			require.NoError(m.t, m.c.ack(ackOf(message.StandardAck, d)))
			m.absorb()
		}
	}
	require.NoError(m.t, m.f.store.Close())
	stored, err := m.f.store.Page(nil, news, 0, 10, 1<<20)
	require.NoError(m.t, err)
	require.Empty(m.t, stored)
	require.Zero(m.t, m.f.stats(news).Memory)
	require.Zero(m.t, m.f.stats(news).InFlight)
}

func TestDurableAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := start(t, small)
		m := &durableModel{t: rt, f: f, state: map[int64]string{}}
		defer func() { m.f.close() }()
		m.connect()
		m.activate()
		m.deactivate()
		rt.Repeat(map[string]func(*rapid.T){
			"send":           func(*rapid.T) { m.send() },
			"activate":       func(*rapid.T) { m.activate() },
			"deactivate":     func(*rapid.T) { m.deactivate() },
			"acknowledge":    func(*rapid.T) { m.acknowledge(false) },
			"acknowledge, 2": func(*rapid.T) { m.acknowledge(false) },
			"acknowledge in": func(*rapid.T) { m.acknowledge(true) },
			"commit":         func(*rapid.T) { m.finish(true) },
			"rollback":       func(*rapid.T) { m.finish(false) },
			"crash":          func(*rapid.T) { m.crash() },
			"":               func(*rapid.T) { m.absorb() },
		})
		m.drain()
	})
}
