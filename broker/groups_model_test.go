package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// groupModel is what a queue must do with message groups, whichever consumers
// it chooses.
type groupModel struct {
	t         *rapid.T
	f         *fixture
	c         *client
	p         message.ProducerID
	key       func(group string) string // groups that go together
	state     map[int64]*groupedMessage
	last      int64
	owners    map[string]*groupConsumer
	consumers map[message.ConsumerID]*groupConsumer
	next      int64
	tx        message.TransactionID
	txNumber  int64
}

type groupedMessage struct {
	group    string
	sequence int32
	holder   *groupConsumer // nil while it waits
	consumed bool
	held     bool // acknowledged in the open transaction
}

type groupConsumer struct {
	id       message.ConsumerID
	prefetch int
	inflight []message.Delivery
}

func (m *groupModel) send() {
	group := fmt.Sprintf("g%d", rapid.IntRange(0, 4).Draw(m.t, "group"))
	sequence := rapid.SampledFrom([]int32{0, 0, 0, 2, 3, 1, -1}).Draw(m.t, "sequence")
	x := m.c.make(m.p, orders, func(x *message.Message) {
		x.GroupID, x.GroupSequence = group, sequence
		x.FirstForConsumer = rapid.IntRange(0, 9).Draw(m.t, "stale flag") == 0
	})
	m.last = x.ID.ProducerSequence
	m.state[m.last] = &groupedMessage{group: group, sequence: sequence}
	require.NoError(m.t, m.c.send(x))
}

// absorb checks the deliveries so far in their order.
func (m *groupModel) absorb() {
	m.c.peer.mu.Lock()
	deliveries := m.c.deliveries
	m.c.deliveries = nil
	m.c.peer.mu.Unlock()
	for _, d := range deliveries {
		c := m.consumers[d.Consumer]
		require.NotNil(m.t, c, "delivered to a consumer that is gone")
		seq := d.Message.ID.ProducerSequence
		x := m.state[seq]
		require.NotNil(m.t, x)
		require.False(m.t, x.consumed, "%d delivered after its acknowledgement", seq)
		require.Nil(m.t, x.holder, "%d delivered twice", seq)
		key := m.key(x.group)
		for n := int64(1); n < seq; n++ {
			if y := m.state[n]; m.key(y.group) == key && !y.consumed {
				require.NotNil(m.t, y.holder, "%d of %s overtakes %d", seq, key, n)
			}
		}
		first := m.owners[key] == nil || x.sequence == 1
		require.Equal(m.t, first, d.Message.FirstForConsumer, "first of %s: %d", key, seq)
		if !first {
			require.Equal(m.t, m.owners[key].id, c.id, "%s has an owner", key)
		}
		if m.owners[key] = c; x.sequence < 0 {
			m.owners[key] = nil
		}
		x.holder = c
		c.inflight = append(c.inflight, d)
		require.LessOrEqual(m.t, len(c.inflight), c.prefetch)
	}
}

// overdue names a message that somebody could take and that waits.
func (m *groupModel) overdue() string {
	m.absorb()
	blocked := map[string]bool{}
	for n := int64(1); n <= m.last; n++ {
		x := m.state[n]
		key := m.key(x.group)
		if x.consumed || x.holder != nil || blocked[key] {
			continue
		}
		blocked[key] = true // the first decides
		for _, c := range m.consumers {
			owner := m.owners[key]
			if len(c.inflight) < c.prefetch && (owner == nil || owner == c || x.sequence == 1) {
				return fmt.Sprintf("%d of %s for %s", n, key, c.id)
			}
		}
	}
	return ""
}

// await waits until there is a delivery, for limit at most.
func (p *peer) await(limit time.Duration) {
	over := false
	defer time.AfterFunc(limit, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		over = true
		p.cond.Broadcast()
	}).Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.deliveries) == 0 && !over {
		p.cond.Wait()
	}
}

func (m *groupModel) settle() {
	last := ""
	for end := time.Now().Add(patience); ; m.c.peer.await(time.Millisecond) {
		if last = m.overdue(); last == "" {
			return
		}
		require.True(m.t, time.Now().Before(end), "starved: %s", last)
	}
}

func (m *groupModel) pick() *groupConsumer {
	var list []*groupConsumer
	for n := int64(1); n <= m.next; n++ {
		if c := m.consumers[m.id(n)]; c != nil {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		m.t.Skip("no consumer")
	}
	return rapid.SampledFrom(list).Draw(m.t, "consumer")
}

func (m *groupModel) id(n int64) message.ConsumerID {
	return message.ConsumerID{Connection: m.c.session.Connection, Session: 1, Value: n}
}

func (m *groupModel) add(prefetch int) {
	if len(m.consumers) >= 4 {
		m.t.Skip("enough")
	}
	m.next++
	m.consumers[m.id(m.next)] = &groupConsumer{id: m.id(m.next), prefetch: prefetch}
	m.c.consumer(m.next, orders, int32(prefetch))
}

func (m *groupModel) remove() {
	m.settle()
	c := m.pick()
	require.NoError(m.t, m.c.SetPrefetch(c.id, 0)) // nothing is under way to it from now on
	m.absorb()
	for _, d := range c.inflight {
		if m.state[d.Message.ID.ProducerSequence].held {
			require.NoError(m.t, m.c.SetPrefetch(c.id, int32(c.prefetch)))
			m.t.Skip("held")
		}
	}
	for _, d := range c.inflight {
		m.state[d.Message.ID.ProducerSequence].holder = nil
	}
	for key, owner := range m.owners {
		if owner == c {
			m.owners[key] = nil
		}
	}
	delete(m.consumers, c.id)
	require.NoError(m.t, m.c.RemoveConsumer(c.id, message.LastDeliveredUnknown))
}

// acknowledge consumes the first n that c has in flight and that no
// transaction holds.
func (m *groupModel) acknowledge(c *groupConsumer, n int) {
	for ; n > 0; n-- {
		i := 0
		for i < len(c.inflight) && m.state[c.inflight[i].Message.ID.ProducerSequence].held {
			i++
		}
		if i == len(c.inflight) {
			return
		}
		d := c.inflight[i]
		c.inflight = append(c.inflight[:i:i], c.inflight[i+1:]...)
		x := m.state[d.Message.ID.ProducerSequence]
		x.consumed, x.holder = true, nil
		require.NoError(m.t, m.c.ack(ackOf(message.IndividualAck, d)))
	}
}

func (m *groupModel) hold() {
	m.absorb()
	c := m.pick()
	for _, d := range c.inflight {
		if x := m.state[d.Message.ID.ProducerSequence]; !x.held {
			if m.tx.IsZero() {
				m.txNumber++
				m.tx = m.c.begin(m.txNumber)
			}
			a := ackOf(message.StandardAck, d)
			a.Transaction = m.tx
			x.held = true
			require.NoError(m.t, m.c.ack(a))
			return
		}
	}
}

func (m *groupModel) finish(commit bool) {
	m.absorb()
	if m.tx.IsZero() {
		m.t.Skip("no transaction")
	}
	tx := m.tx
	m.tx = message.TransactionID{}
	for _, c := range m.consumers {
		var left []message.Delivery
		for _, d := range c.inflight {
			x := m.state[d.Message.ID.ProducerSequence]
			if x.held && commit {
				x.consumed, x.holder = true, nil
			} else {
				left = append(left, d)
			}
			x.held = false
		}
		c.inflight = left
	}
	if commit {
		require.NoError(m.t, m.c.commit(tx))
	} else {
		require.NoError(m.t, m.c.rollback(tx))
	}
}

// drain consumes all that is left.
func (m *groupModel) drain() {
	if !m.tx.IsZero() {
		m.finish(true)
	}
	if len(m.consumers) == 0 {
		m.add(1)
	}
	for left := true; left; {
		m.settle()
		left = false
		for _, c := range m.consumers {
			m.acknowledge(c, len(c.inflight))
		}
		for _, x := range m.state {
			left = left || !x.consumed
		}
	}
	eventually(m.f.t, "nothing is left", func() bool { return m.f.stats(orders).Size == 0 })
	require.Zero(m.t, m.f.stats(orders).InFlight)
}

func TestGroupsAgainstModel(t *testing.T) {
	separate := func(group string) string { return group }
	parity := &groups{policy: GroupMap{Buckets: 2}}
	for name, test := range map[string]struct {
		policy GroupMap
		key    func(string) string
	}{
		"simple": {GroupMap{Groups: MaxGroups}, separate},
		"cached": {GroupMap{Groups: 5}, separate},
		"bucket": {GroupMap{Buckets: 2}, func(group string) string {
			return fmt.Sprint(parity.bucket(&message.Message{GroupID: group}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				f := start(t, func(o *Options) {
					o.Policy = func(message.Destination) Policy {
						p := DefaultPolicy()
						p.Groups = test.policy
						return p
					}
					o.ConcurrentStoreAndDispatchQueues = rapid.Bool().Draw(rt, "concurrent")
				})
				defer f.close()
				c := f.connect()
				m := &groupModel{
					t: rt, f: f, c: c, p: c.producer(1, orders), key: test.key, state: map[int64]*groupedMessage{},
					owners: map[string]*groupConsumer{}, consumers: map[message.ConsumerID]*groupConsumer{},
				}
				rt.Repeat(map[string]func(*rapid.T){
					"send": func(*rapid.T) {
						for range rapid.IntRange(1, 5).Draw(rt, "n") {
							m.send()
						}
					},
					"add":         func(*rapid.T) { m.add(rapid.IntRange(1, 4).Draw(rt, "prefetch")) },
					"remove":      func(*rapid.T) { m.remove() },
					"acknowledge": func(*rapid.T) { m.absorb(); m.acknowledge(m.pick(), rapid.IntRange(1, 3).Draw(rt, "n")) },
					"hold":        func(*rapid.T) { m.hold() },
					"commit":      func(*rapid.T) { m.finish(true) },
					"rollback":    func(*rapid.T) { m.finish(false) },
					"settle":      func(*rapid.T) { m.settle() },
				})
				m.drain()
			})
		})
	}
}
