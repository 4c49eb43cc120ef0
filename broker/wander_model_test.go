package broker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// A network of brokers with bridges by hand: each step of a message's way, and
// each answer, is the test's.

// wander is such a network. Brokers keep their names and stores when they are
// killed, and get other ids.
type wander struct {
	t     *testing.T
	tb    rapid.TB // t, or rapid's
	nodes []*fixture
	lives []int
	links map[[2]int]*handLink
	local []*client // a consumer's; nil if there is none
	sends []*client
	prods []message.ProducerID
	sent  map[string]bool
	got   map[string]int
	// flagged are those that were consumed again, with the mark.
	flagged map[string]bool
	policy  func(*Options)
}

// handLink passes messages on from one broker to another.
type handLink struct {
	near, far *client
	consumer  message.ConsumerID
	producer  message.ProducerID
	hop       func(message.Delivery) *message.Message

	mu       sync.Mutex
	answered []message.Delivery // mu; and not acknowledged
	waiting  int                // mu; sent and not answered
	failed   error              // mu
}

func nodeName(i int) string { return string(rune('a' + i)) }

func newWander(t *testing.T, tb rapid.TB, n int, change func(*Options)) *wander {
	w := &wander{t: t, tb: tb, links: map[[2]int]*handLink{}, sent: map[string]bool{}, got: map[string]int{}, flagged: map[string]bool{}, policy: change}
	w.lives, w.local, w.sends, w.prods = make([]int, n), make([]*client, n), make([]*client, n), make([]message.ProducerID, n)
	for i := range n {
		w.nodes = append(w.nodes, start(t, w.options(i)))
		w.attend(i)
	}
	return w
}

func (w *wander) id(i int) message.BrokerID {
	return message.BrokerID(fmt.Sprintf("ID:%s-%d", nodeName(i), w.lives[i]))
}

func (w *wander) options(i int) func(*Options) {
	return func(o *Options) {
		o.Name, o.ID = nodeName(i), w.id(i)
		if w.policy != nil {
			w.policy(o)
		}
	}
}

// attend is a new life of a broker.
func (w *wander) attend(i int) {
	w.local[i] = nil
	w.sends[i] = w.nodes[i].connect(func(info *message.ConnectionInfo) {
		info.ID = message.ConnectionID(fmt.Sprintf("ID:producer-%d-%d", i, w.lives[i]))
	})
	w.prods[i] = w.sends[i].producer(1, orders)
}

func (w *wander) send(i int, change ...func(*message.Message)) {
	m := w.sends[i].make(w.prods[i], orders, change...)
	w.sent[m.ID.ProducerKey()] = true
	require.NoError(w.tb, w.sends[i].send(m))
}

func (w *wander) kill(i int) {
	for _, k := range w.ends(i) {
		w.cut(k)
	}
	w.lives[i]++
	w.nodes[i] = w.nodes[i].crash(w.options(i))
	w.attend(i)
}

func (w *wander) ends(i int) (keys [][2]int) {
	for k := range w.links {
		if k[0] == i || k[1] == i {
			keys = append(keys, k)
		}
	}
	return keys
}

// come has a consumer at a broker, which all others serve.
func (w *wander) come(i int) {
	if w.local[i] == nil {
		w.local[i] = w.nodes[i].connect()
		w.local[i].consumer(1, orders, 1000)
	}
	for j := range w.nodes {
		if j != i {
			w.link(j, i)
		}
	}
}

// leave takes it away.
func (w *wander) leave(i int) {
	if w.local[i] == nil {
		return
	}
	w.local[i].Close()
	w.local[i] = nil
	for j := range w.nodes {
		w.cut([2]int{j, i})
	}
}

func (w *wander) link(from, to int) *handLink {
	key := [2]int{from, to}
	if l := w.links[key]; l != nil {
		return l
	}
	a, b := w.nodes[from], w.nodes[to]
	a.KnowPeer(w.id(to), nodeName(to))
	b.KnowPeer(w.id(from), nodeName(from))
	l := &handLink{near: a.join(a.ConnectBridge), far: b.connect()}
	l.far.FromBroker(nodeName(from))
	l.producer = l.far.producer(1, orders)
	l.consumer = message.ConsumerID{Connection: l.near.session.Connection, Session: 1, Value: 1}
	info := &message.ConsumerInfo{ID: l.consumer, Destination: orders, PrefetchSize: 1000, NetworkSubscription: true, Priority: -5}
	require.NoError(w.tb, l.near.AddForwarder(info, Forwarding{
		Broker: w.id(to), Name: nodeName(to), MessageTTL: -1, ConsumerTTL: -1, Direct: func() bool { return true },
	}))
	id := w.id(from)
	l.hop = func(d message.Delivery) *message.Message {
		x := d.Message.Copy()
		x.BrokerPath = append(slices.Clone(x.BrokerPath), id)
		x.RedeliveryCounter = d.RedeliveryCounter
		x.Producer = l.producer
		return x
	}
	w.links[key] = l
	return l
}

// cut ends a link; answers that have not been acknowledged are lost.
func (w *wander) cut(key [2]int) {
	l := w.links[key]
	if l == nil {
		return
	}
	delete(w.links, key)
	l.near.peer.mu.Lock()
	l.near.deliveries = nil
	l.near.peer.mu.Unlock()
	require.NoError(w.tb, l.near.RemoveConsumer(l.consumer, message.LastDeliveredUnknown))
	l.near.Close()
	l.far.Close()
}

// pass sends what the near broker has delivered, at most n messages.
func (w *wander) pass(l *handLink, n int) int {
	l.near.peer.mu.Lock()
	list := slices.Clone(l.near.deliveries[:min(n, len(l.near.deliveries))])
	l.near.deliveries = slices.Delete(l.near.deliveries, 0, len(list))
	l.near.peer.mu.Unlock()
	for _, d := range list {
		l.mu.Lock()
		l.waiting++
		l.mu.Unlock()
		l.far.Send(context.Background(), l.hop(d), true, func(err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.waiting--
			if err != nil {
				l.failed = err
				return
			}
			l.answered = append(l.answered, d)
		})
	}
	return len(list)
}

func (l *handLink) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// confirm acknowledges what was answered.
func (w *wander) confirm(l *handLink) int {
	l.mu.Lock()
	list := l.answered
	l.answered = nil
	l.mu.Unlock()
	for _, d := range list {
		require.NoError(w.tb, l.near.ack(ackOf(message.IndividualAck, d)))
	}
	return len(list)
}

// consume takes what there is at a broker, at most n.
func (w *wander) consume(i, n int) int {
	c := w.local[i]
	if c == nil {
		return 0
	}
	c.peer.mu.Lock()
	list := slices.Clone(c.deliveries[:min(n, len(c.deliveries))])
	c.deliveries = slices.Delete(c.deliveries, 0, len(list))
	c.peer.mu.Unlock()
	for _, d := range list {
		id := d.Message.ID.ProducerKey()
		w.got[id]++
		w.tb.Logf("consumed at %s: %s %v, redelivered %d", nodeName(i), id, d.Message.BrokerPath, d.RedeliveryCounter)
		if d.RedeliveryCounter > 0 {
			w.flagged[id] = true
		}
		require.NoError(w.tb, c.ack(ackOf(message.IndividualAck, d)))
	}
	return len(list)
}

// any picks a link; nil if there is none.
func (w *wander) any(rt *rapid.T) *handLink {
	keys := slices.SortedFunc(maps.Keys(w.links), func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	if len(keys) == 0 {
		return nil
	}
	return w.links[rapid.SampledFrom(keys).Draw(rt, "link")]
}

// drain has one consumer, and no faults, until nothing is left.
func (w *wander) drain(at int) {
	for i := range w.nodes {
		if i != at {
			w.leave(i)
		}
	}
	for _, k := range w.ends(at) { // what hangs is made anew
		w.cut(k)
	}
	w.come(at)
	drained := false
	defer func() {
		if !drained {
			w.show()
		}
	}()
	w.eventually("everything drains", func() bool {
		for k, l := range w.links {
			w.pass(l, 1000)
			w.confirm(l)
			if l.failure() != nil { // a bridge that is told of an error begins anew
				w.cut(k)
			}
		}
		w.come(at)
		w.consume(at, 1000)
		for _, f := range w.nodes {
			if f.stats(orders).Size > 0 {
				return false
			}
		}
		drained = true
		return true
	})
}

// show logs where messages are.
func (w *wander) show() {
	for i, f := range w.nodes {
		entries, _ := f.store.Page(nil, orders, 0, 1000, 1<<30)
		w.t.Logf("%s, %s: %+v, %d links", nodeName(i), w.id(i), f.stats(orders), len(w.links))
		for _, e := range entries {
			w.tb.Logf("  %s %v flagged %v", e.Message.ID.ProducerKey(), e.Message.BrokerPath, e.Redelivered)
		}
		f.bridged.leaving.mu.Lock()
		for k := range f.bridged.leaving.waiting {
			w.tb.Logf("  %v waits", k.id)
		}
		for k := range f.bridged.leaving.list {
			w.tb.Logf("  %v leaves", k.id)
		}
		f.bridged.leaving.mu.Unlock()
	}
	for k, l := range w.links {
		l.near.peer.mu.Lock()
		w.tb.Logf("%v: %d to pass, %d wait, failed: %v", k, len(l.near.deliveries), l.waiting, l.failed)
		l.near.peer.mu.Unlock()
	}
}

// check requires that nothing was lost, and nothing consumed twice without the
// mark.
func (w *wander) check() {
	for id := range w.sent {
		require.Positive(w.tb, w.got[id], "lost: %s", id)
		require.False(w.tb, w.got[id] > 1 && !w.flagged[id], "consumed %d times without a mark: %s", w.got[id], id)
	}
	require.Len(w.tb, w.got, len(w.sent))
	for i, f := range w.nodes {
		entries, err := f.store.Page(nil, orders, 0, 1000, 1<<30)
		require.NoError(w.tb, err)
		require.Empty(w.tb, entries, "stored at %s", nodeName(i))
	}
}

// copies is how many of the messages are stored.
func (w *wander) copies() (n int) {
	for _, f := range w.nodes {
		entries, err := f.store.Page(nil, orders, 0, 1000, 1<<30)
		require.NoError(w.tb, err)
		n += len(entries)
	}
	return n
}

// TestBackBeforeItIsSentAgain: A is killed when B has stored a message and
// before A has acknowledged its own; consumers move, and the message is back at
// A before A sends it again.
func TestBackBeforeItIsSentAgain(t *testing.T) {
	const a, b = 0, 1
	for name, kill := range map[string]func(w *wander){
		"a is killed":        func(w *wander) { w.kill(a) },
		"the bridge breaks":  func(w *wander) { w.cut([2]int{a, b}) },
		"both are killed":    func(w *wander) { w.kill(a); w.kill(b) },
		"a is killed, twice": func(w *wander) { w.kill(a); w.kill(a) },
	} {
		for _, concurrent := range []bool{false, true} {
			t.Run(fmt.Sprint(name, concurrent), func(t *testing.T) {
				w := newWander(t, t, 2, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent })
				w.come(b)
				for range 5 {
					w.send(a)
				}
				l := w.link(a, b)
				eventually(t, "all pass", func() bool { w.pass(l, 10); l.mu.Lock(); defer l.mu.Unlock(); return len(l.answered) == 5 })
				require.Equal(t, 10, w.copies())
				kill(w)
				w.leave(b)
				back := w.link(b, a)
				w.carry(back, 5)
				require.Equal(t, 5, w.copies(), "each is at one broker")
				w.cut([2]int{b, a})
				w.carry(w.link(a, b), 5)
				require.Equal(t, 5, w.copies(), "each is at one broker")
				require.Zero(t, w.nodes[a].stats(orders).Size)
				w.drain(b)
				w.check()
				require.Len(t, w.got, 5)
			})
		}
	}
}

func (w *wander) eventually(what string, f func() bool) {
	w.tb.Helper()
	require.Eventually(w.tb, f, patience/3, time.Millisecond, what)
}

// carry passes n messages on and acknowledges them.
func (w *wander) carry(l *handLink, n int) {
	w.t.Helper()
	w.eventually("all pass", func() bool {
		w.pass(l, n)
		n -= w.confirm(l)
		return n == 0
	})
}

// TestForkedCopiesAreMarked: B has stored what A sent, and its answer is lost. A
// cannot know, and gives the message to C rather than hold it back until B can
// be asked. Both copies are consumed; the one that A gave away is marked.
func TestForkedCopiesAreMarked(t *testing.T) {
	const a, b, c = 0, 1, 2
	w := newWander(t, t, 3, nil)
	w.come(b)
	w.send(a)
	l := w.link(a, b)
	w.eventually("it passes", func() bool { w.pass(l, 1); l.mu.Lock(); defer l.mu.Unlock(); return len(l.answered) == 1 })
	w.cut([2]int{a, b})
	w.cut([2]int{c, b})
	w.carry(w.link(a, c), 1)
	w.local[c] = w.nodes[c].connect()
	w.local[c].consumer(1, orders, 1000)
	w.eventually("both are consumed", func() bool { return w.consume(b, 1)+w.consume(c, 1) == 0 && len(w.got) == 1 && w.total() == 2 })
	require.Len(t, w.flagged, 1)
	w.check()
}

func (w *wander) total() (n int) {
	for _, times := range w.got {
		n += times
	}
	return n
}

// TestWanderModel kills brokers and moves consumers at any step.
func TestWanderModel(t *testing.T) {
	began := time.Now()
	rapid.Check(t, func(rt *rapid.T) {
		if time.Since(began) > 5*time.Second {
			return // a slow machine tries less
		}
		n := rapid.IntRange(2, 3).Draw(rt, "brokers")
		concurrent := rapid.Bool().Draw(rt, "concurrent")
		w := newWander(t, rt, n, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent })
		node := rapid.IntRange(0, n-1)
		w.come(0)
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			i := node.Draw(rt, "node")
			switch rapid.SampledFrom([]string{"send", "send", "pass", "pass", "pass", "confirm", "consume", "come", "leave", "kill", "cut"}).Draw(rt, "step") {
			case "send":
				w.send(i)
			case "pass":
				if l := w.any(rt); l != nil {
					w.pass(l, rapid.IntRange(1, 3).Draw(rt, "n"))
				}
			case "confirm":
				if l := w.any(rt); l != nil {
					w.confirm(l)
				}
			case "cut":
				w.cut([2]int{i, node.Draw(rt, "to")})
			case "consume":
				w.consume(i, 1)
			case "come":
				w.come(i)
			case "leave":
				w.leave(i)
			case "kill":
				w.kill(i)
			}
		}
		w.drain(node.Draw(rt, "last"))
		w.check()
		for _, f := range w.nodes {
			f.close()
		}
	})
}
