package broker

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// colours is a selector: the types of messages that it wants, as "a,c".
type colours string

func (s colours) Match(m *message.Message, _ int32) bool { return strings.Contains(string(s), m.Type) }

func parseColours(s string) (Filter, error) { return colours(s), nil }

// orderModel is what a queue owes its consumers, in the plainest form: each
// message goes to one of those that want it; whoever has credit gets, of what
// is there and wanted, the one of highest priority that came first.
//
// It looks only when the queue has come to rest.
type orderModel struct {
	t           *rapid.T
	prioritized bool
	f           *fixture
	c           *client
	p           message.ProducerID
	messages    map[int64]*orderMessage
	consumers   []*orderConsumer
	next        int64
	coarse      bool // what is new may count as what was exposed before a crash
}

type orderMessage struct {
	m       *message.Message
	taken   *orderConsumer // has it in flight
	counter int32
	unsure  bool  // a crash may have flagged it
	lost    int32 // deliveries that the crash ended
}

type orderConsumer struct {
	id       message.ConsumerID
	wants    colours // "" is all
	prefetch int
	inflight []message.Delivery
}

// before is the order of messages that are there.
func (m *orderModel) before(a, b int64) bool {
	x, y := m.messages[a].m, m.messages[b].m
	if m.prioritized && x.Priority != y.Priority {
		return x.Priority > y.Priority
	}
	return a < b
}

func (c *orderConsumer) takes(m *message.Message) bool { return c.wants == "" || c.wants.Match(m, 0) }

// next is the best message there for a consumer, or 0.
func (m *orderModel) best(c *orderConsumer) (best int64) {
	for seq, x := range m.messages {
		if x.taken == nil && c.takes(x.m) && (best == 0 || m.before(seq, best)) {
			best = seq
		}
	}
	return best
}

// absorb takes in what was delivered. With strict, everything that was there
// was there before.
func (m *orderModel) absorb(strict bool) {
	m.c.peer.mu.Lock()
	deliveries := m.c.deliveries
	m.c.deliveries = nil
	m.c.peer.mu.Unlock()
	for _, d := range deliveries {
		i := slices.IndexFunc(m.consumers, func(c *orderConsumer) bool { return c.id == d.Consumer })
		require.GreaterOrEqual(m.t, i, 0, "delivered to a consumer that is gone")
		c, seq := m.consumers[i], d.Message.ID.ProducerSequence
		x := m.messages[seq]
		require.NotNil(m.t, x, "%d was consumed", seq)
		require.Nil(m.t, x.taken, "%d was delivered twice", seq)
		require.True(m.t, c.takes(x.m), "%d is not wanted", seq)
		require.Less(m.t, len(c.inflight), c.prefetch)
		if x.unsure {
			require.Contains(m.t, []int32{x.counter, max(x.counter, 1), x.counter + x.lost}, d.RedeliveryCounter, "counter of %d", seq)
			x.counter, x.unsure, x.lost = d.RedeliveryCounter, false, 0
		}
		require.Equal(m.t, x.counter, d.RedeliveryCounter, "counter of %d", seq)
		if strict {
			require.Equal(m.t, m.best(c), seq, "not the one whose turn it was, of %s; %s", d.Consumer, m.describe())
		}
		x.taken = c
		c.inflight = append(c.inflight, d)
	}
}

// rest waits until no consumer is owed anything.
func (m *orderModel) rest(strict bool) {
	end := time.Now().Add(patience)
	for {
		m.absorb(strict)
		owed := int64(0)
		for _, c := range m.consumers {
			if len(c.inflight) < c.prefetch {
				owed = max(owed, m.best(c))
			}
		}
		if owed == 0 {
			return
		}
		require.True(m.t, time.Now().Before(end), "%d is not delivered; %s", owed, m.describe())
		m.c.peer.mu.Lock()
		if len(m.c.deliveries) == 0 {
			wake := time.AfterFunc(time.Second, m.c.cond.Broadcast)
			m.c.cond.Wait()
			wake.Stop()
		}
		m.c.peer.mu.Unlock()
	}
}

func (m *orderModel) describe() string {
	q := m.f.registry.find(orders).(*queue)
	q.mu.Lock()
	defer q.mu.Unlock()
	w := &q.window
	s := fmt.Sprintf("window %d, paging %t, exposing %t, seek %t", w.n, w.paging, q.exposing, q.seek != nil)
	for rank := range w.lanes() {
		l := w.lane(rank)
		s += fmt.Sprintf("; lane %d: n %d cursor %d visible %d behind %t passed %v", rank, l.n, l.cursor, l.visible, l.behind, l.passed)
	}
	if q.seek != nil {
		for _, r := range q.seek.readers {
			s += fmt.Sprintf("; reader %s at %v claims %v", r.c.info.ID, r.at, r.claims)
		}
	}
	return s
}

func (m *orderModel) send() {
	n := rapid.IntRange(1, 60).Draw(m.t, "n")
	for range n {
		change := func(x *message.Message) {
			x.Priority = uint8(rapid.IntRange(2, 6).Draw(m.t, "priority"))
			x.Type = rapid.SampledFrom([]string{"a", "a", "a", "a", "b", "c"}).Draw(m.t, "type")
		}
		x := m.c.make(m.p, orders, change)
		m.messages[x.ID.ProducerSequence] = &orderMessage{m: x, unsure: m.coarse}
		require.NoError(m.t, m.c.send(x))
	}
	m.rest(false)
}

func (m *orderModel) addConsumer() {
	if len(m.consumers) >= 4 {
		m.t.Skip("enough")
	}
	m.next++
	c := &orderConsumer{
		id:       message.ConsumerID{Connection: m.c.session.Connection, Session: 1, Value: m.next},
		wants:    rapid.SampledFrom([]colours{"", "a", "b", "b", "c", "b,c"}).Draw(m.t, "wants"),
		prefetch: rapid.IntRange(1, 12).Draw(m.t, "prefetch"),
	}
	m.consumers = append(m.consumers, c)
	m.c.consumer(m.next, orders, int32(c.prefetch), func(i *message.ConsumerInfo) { i.Selector = string(c.wants) })
	m.rest(true)
}

func (m *orderModel) pick() *orderConsumer {
	if len(m.consumers) == 0 {
		m.t.Skip("no consumer")
	}
	return m.consumers[rapid.IntRange(0, len(m.consumers)-1).Draw(m.t, "consumer")]
}

func (m *orderModel) acknowledge() {
	c := m.pick()
	if len(c.inflight) == 0 {
		m.t.Skip("nothing in flight")
	}
	n := rapid.IntRange(1, len(c.inflight)).Draw(m.t, "n")
	gone := c.inflight[:n]
	c.inflight = slices.Clone(c.inflight[n:])
	for _, d := range gone {
		delete(m.messages, d.Message.ID.ProducerSequence)
	}
	require.NoError(m.t, m.c.ack(ackOf(message.StandardAck, gone...)))
	m.rest(true)
}

func (m *orderModel) removeConsumer() {
	m.remove(m.pick())
}

func (m *orderModel) remove(c *orderConsumer) {
	m.consumers = slices.DeleteFunc(m.consumers, func(x *orderConsumer) bool { return x == c })
	for _, d := range c.inflight {
		x := m.messages[d.Message.ID.ProducerSequence]
		x.taken = nil
		x.counter++
	}
	require.NoError(m.t, m.c.RemoveConsumer(c.id, message.LastDeliveredUnknown))
	m.rest(true)
}

// crash lets another broker take over.
func (m *orderModel) crash(reopen func(*fixture) *fixture) {
	m.f.catchUp() // with what nobody waits for
	m.f = reopen(m.f)
	m.consumers = nil
	for _, x := range m.messages {
		if x.unsure = true; x.taken != nil {
			x.taken = nil
			x.lost++
		}
	}
	m.connect()
}

func (m *orderModel) connect() {
	sequences := map[message.ProducerID]int64(nil)
	if m.c != nil {
		sequences = m.c.sequences
	}
	m.c = m.f.connect()
	m.p = m.c.producer(1, orders)
	for p, n := range sequences {
		m.c.sequences[message.ProducerID{Connection: m.p.Connection, Session: p.Session, Value: p.Value}] = n
	}
}

// drain consumes the rest, in order.
func (m *orderModel) drain() {
	for len(m.consumers) > 0 {
		m.remove(m.consumers[0])
	}
	m.next++
	c := &orderConsumer{id: message.ConsumerID{Connection: m.c.session.Connection, Session: 1, Value: m.next}, prefetch: 7}
	m.consumers = append(m.consumers, c)
	m.c.consumer(m.next, orders, 7)
	for len(m.messages) > 0 {
		m.rest(true)
		gone := c.inflight
		c.inflight = nil
		require.NotEmpty(m.t, gone)
		for _, d := range gone {
			delete(m.messages, d.Message.ID.ProducerSequence)
		}
		require.NoError(m.t, m.c.ack(ackOf(message.StandardAck, gone...)))
	}
}

// TestOrderAgainstModel: priorities, selectors, redelivery, paging through a
// small window and crashes, on both stores that there are.
func TestOrderAgainstModel(t *testing.T) {
	for _, prioritized := range []bool{false, true} {
		options := func(o *Options) {
			o.ParseSelector = parseColours
			o.Policy = func(message.Destination) Policy {
				p := DefaultPolicy()
				p.MaxPageSize = leastWindow
				p.PrioritizedMessages, p.PersistJMSRedelivered = prioritized, true
				return p
			}
		}
		name := map[bool]string{false: "arrival", true: "priority"}[prioritized]
		t.Run(name+"/memory", func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				f := start(t, options, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = rapid.Bool().Draw(rt, "concurrent") })
				runOrderModel(rt, f, prioritized, func(f *fixture) *fixture { return f.crash(options) })
			})
		})
		t.Run(name+"/journal", func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				disk := vfs.NewMemory()
				f := startOn(t, openJournal(rt, disk), options)
				runOrderModel(rt, f, prioritized, func(f *fixture) *fixture {
					disk = disk.Crash(nil)
					f.Broker.stopping.Store(true)
					f.close()
					return startOn(t, openJournal(rt, disk), options)
				})
			})
		})
	}
}

func openJournal(t require.TestingT, fs vfs.FS) store.Store {
	j, err := journal.Open(journal.Options{Directory: "/journal", FS: fs, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		MaxFileLength: 64 << 10, MaxWriteBatchSize: 16 << 10, CleanupInterval: -1})
	require.NoError(t, err)
	return j
}

func runOrderModel(rt *rapid.T, f *fixture, prioritized bool, reopen func(*fixture) *fixture) {
	_, coarse := f.store.(*disk)
	m := &orderModel{t: rt, f: f, prioritized: prioritized, messages: map[int64]*orderMessage{}, coarse: coarse}
	defer func() { m.f.close() }()
	m.connect()
	rt.Repeat(map[string]func(*rapid.T){
		"send":            func(*rapid.T) { m.send() },
		"add consumer":    func(*rapid.T) { m.addConsumer() },
		"acknowledge":     func(*rapid.T) { m.acknowledge() },
		"acknowledge, 2":  func(*rapid.T) { m.acknowledge() },
		"acknowledge, 3":  func(*rapid.T) { m.acknowledge() },
		"remove consumer": func(*rapid.T) { m.removeConsumer() },
		"crash": func(*rapid.T) {
			if rapid.IntRange(0, 3).Draw(rt, "crash") == 0 {
				m.crash(reopen)
			}
		},
	})
	m.drain()
}
