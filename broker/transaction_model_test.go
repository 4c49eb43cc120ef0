package broker

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// txModel is what transactions must do, local ones and branches, over queues
// and a durable subscription, while their client's connection ends and masters
// crash: each happens whole or not at all (P6), nothing is lost or comes twice.
type txModel struct {
	t        *rapid.T
	f        *fixture
	c        *client
	p        message.ProducerID
	sent     int64
	number   int64
	messages map[int64]*txMessage
	open     map[message.TransactionID]bool // true: prepared
}

// txMessage is one message. Where it is in a transaction it waits for that.
type txMessage struct {
	dest     message.Destination
	state    string // pending, there, inflight, held, consumed
	tx       message.TransactionID
	delivery message.Delivery
}

var txPlaces = []message.Destination{message.NewQueue("a"), message.NewQueue("b"), news}

func (m *txModel) connect() {
	m.c = m.f.connect(as("alice"))
	m.p = m.c.producer(1, message.Destination{})
	m.c.sequences[m.p] = m.sent
	m.c.consumer(1, txPlaces[0], 5)
	m.c.consumer(2, txPlaces[1], 1000)
	m.c.consumer(3, news, 7, durableNamed("s"))
}

func (m *txModel) absorb() {
	m.c.peer.mu.Lock()
	deliveries := m.c.deliveries
	m.c.deliveries = nil
	m.c.peer.mu.Unlock()
	for _, d := range deliveries {
		x := m.messages[d.Message.ID.ProducerSequence]
		require.NotNil(m.t, x, "delivered what was rolled back or never sent: %d", d.Message.ID.ProducerSequence)
		require.Equal(m.t, "there", x.state, "delivered: %d", d.Message.ID.ProducerSequence)
		x.state, x.delivery = "inflight", d
	}
}

// those lists the open transactions that are prepared, or those that are not.
func (m *txModel) those(prepared bool) []message.TransactionID {
	var list []message.TransactionID
	for id, is := range m.open {
		if is == prepared {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b message.TransactionID) int { return cmp.Compare(a.String(), b.String()) })
	return list
}

// transaction draws an active one, or begins one; zero is none.
func (m *txModel) transaction() message.TransactionID {
	list := m.those(false)
	switch k := rapid.IntRange(-3, len(list)-1).Draw(m.t, "transaction"); {
	case k == -3:
		return message.TransactionID{}
	case k >= 0:
		return list[k]
	case k == -2:
		m.number++
		id := m.c.begin(m.number)
		m.open[id] = false
		return id
	}
	m.number++
	id := xid(fmt.Sprint(m.number))
	require.NoError(m.t, m.c.Begin(id))
	m.open[id] = false
	return id
}

func (m *txModel) send() {
	tx := m.transaction()
	for range rapid.IntRange(1, 5).Draw(m.t, "n") {
		dest := rapid.SampledFrom(txPlaces).Draw(m.t, "destination")
		x := m.c.make(m.p, dest, in(tx))
		x.ID.Producer.Value = 1
		m.sent = x.ID.ProducerSequence
		m.messages[m.sent] = &txMessage{dest: dest, state: "there", tx: tx}
		if !tx.IsZero() {
			m.messages[m.sent].state = "pending"
		}
		require.NoError(m.t, m.c.send(x))
	}
}

func (m *txModel) acknowledge() {
	m.absorb()
	var list []int64
	for seq, x := range m.messages {
		if x.state == "inflight" {
			list = append(list, seq)
		}
	}
	if len(list) == 0 {
		m.t.Skip("nothing in flight")
	}
	slices.Sort(list)
	x := m.messages[rapid.SampledFrom(list).Draw(m.t, "message")]
	a := ackOf(message.IndividualAck, x.delivery)
	a.Transaction = m.transaction()
	x.state, x.tx = "consumed", a.Transaction
	if !a.Transaction.IsZero() {
		x.state = "held"
	}
	require.NoError(m.t, m.c.ack(a))
}

// pick draws a transaction that is prepared, or one that is not.
func (m *txModel) pick(prepared bool) message.TransactionID {
	list := m.those(prepared)
	if len(list) == 0 {
		m.t.Skip("none")
	}
	return rapid.SampledFrom(list).Draw(m.t, "which")
}

func (m *txModel) prepare() {
	id := m.pick(false)
	if !id.XA {
		m.t.Skip("local")
	}
	vote, err := m.c.prepare(id)
	require.NoError(m.t, err)
	if vote == XAVoteReadOnly {
		delete(m.open, id)
		for _, x := range m.messages {
			require.NotEqual(m.t, id, x.tx)
		}
		return
	}
	m.open[id] = true
}

// end gives a transaction its outcome. What it had acknowledged is in flight
// again after a rollback, unless its consumer is gone.
func (m *txModel) end(id message.TransactionID, commit, here bool) {
	delete(m.open, id)
	for seq, x := range m.messages {
		if x.tx != id || id.IsZero() {
			continue
		}
		x.tx = message.TransactionID{}
		switch {
		case x.state == "held" && commit:
			x.state = "consumed"
		case x.state == "held" && here && x.delivery.Message != nil:
			x.state = "inflight"
		case x.state == "held":
			x.state = "there"
		case commit:
			x.state = "there"
		default:
			delete(m.messages, seq)
		}
	}
}

func (m *txModel) outcome(prepared, commit bool) {
	m.absorb()
	id := m.pick(prepared)
	m.end(id, commit, true)
	o := newOutcome()
	if commit {
		m.c.Commit(id, !prepared, o.done)
	} else {
		m.c.Rollback(id, o.done)
	}
	require.NoError(m.t, o.wait(m.c.t))
}

// forget is what the end of the connection means: what is not prepared is
// rolled back, what was in flight is there again.
func (m *txModel) forget() {
	for _, id := range m.those(false) {
		m.end(id, false, false)
	}
	for _, x := range m.messages {
		if x.delivery = (message.Delivery{}); x.state == "inflight" {
			x.state = "there"
		}
	}
}

func (m *txModel) vanish() {
	m.absorb()
	m.c.Connection.Close()
	m.absorb()
	m.forget()
	m.connect()
}

func (m *txModel) crash() {
	require.NoError(m.t, m.f.store.Close()) // a barrier
	m.f.stopping.Store(true)
	m.absorb()
	m.f = m.f.crash(small)
	m.forget()
	m.connect()
	require.ElementsMatch(m.t, m.those(true), m.c.Recover())
}

// drain ends everything and consumes what is there.
func (m *txModel) drain() {
	m.absorb()
	for _, id := range append(m.those(false), m.those(true)...) {
		prepared := m.open[id]
		commit := rapid.Bool().Draw(m.t, "commit")
		m.end(id, commit, true)
		o := newOutcome()
		if commit {
			m.c.Commit(id, !prepared, o.done)
		} else {
			m.c.Rollback(id, o.done)
		}
		require.NoError(m.t, o.wait(m.c.t))
	}
	left := func() (n int) {
		m.absorb()
		for _, x := range m.messages {
			switch x.state {
			case "inflight":
				x.state = "consumed"
				require.NoError(m.t, m.c.ack(ackOf(message.IndividualAck, x.delivery)))
			case "there":
				n++
			}
		}
		return n
	}
	look := time.NewTicker(100 * time.Microsecond)
	defer look.Stop()
	for end := time.Now().Add(patience); left() > 0; <-look.C {
		require.True(m.t, time.Now().Before(end), "not everything is delivered")
	}
	require.NoError(m.t, m.f.store.Close())
	for _, dest := range txPlaces {
		stored, err := m.f.store.Page(nil, dest, 0, 10, 1<<20)
		require.NoError(m.t, err)
		require.Empty(m.t, stored, dest)
		require.Zero(m.t, m.f.stats(dest).Memory, dest)
		require.Zero(m.t, m.f.stats(dest).InFlight, dest)
	}
	require.Zero(m.t, m.f.uncommitted.Load())
	require.Empty(m.t, m.c.Recover())
}

func TestTransactionsAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &txModel{t: rt, f: start(t, small), messages: map[int64]*txMessage{}, open: map[message.TransactionID]bool{}}
		defer func() { m.f.close() }()
		m.connect()
		rt.Repeat(map[string]func(*rapid.T){
			"send":              func(*rapid.T) { m.send() },
			"send, 2":           func(*rapid.T) { m.send() },
			"acknowledge":       func(*rapid.T) { m.acknowledge() },
			"acknowledge, 2":    func(*rapid.T) { m.acknowledge() },
			"acknowledge, 3":    func(*rapid.T) { m.acknowledge() },
			"prepare":           func(*rapid.T) { m.prepare() },
			"commit":            func(*rapid.T) { m.outcome(false, true) },
			"rollback":          func(*rapid.T) { m.outcome(false, false) },
			"commit prepared":   func(*rapid.T) { m.outcome(true, true) },
			"rollback prepared": func(*rapid.T) { m.outcome(true, false) },
			"vanish":            func(*rapid.T) { m.vanish() },
			"crash":             func(*rapid.T) { m.crash() },
			"":                  func(*rapid.T) { m.absorb() },
		})
		m.drain()
	})
}
