package broker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait.
const patience = 10 * time.Second

// peer is a scripted far end: it keeps what it is given.
type peer struct {
	mu         sync.Mutex
	cond       *sync.Cond
	deliveries []message.Delivery
	windows    []int32
	failed     error
	told       []message.ConsumerID // to be closed
}

func newPeer() *peer {
	p := &peer{}
	p.cond = sync.NewCond(&p.mu)
	return p
}

func (p *peer) Deliver(d message.Delivery) {
	p.mu.Lock()
	p.deliveries = append(p.deliveries, d)
	p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *peer) ProducerAck(_ message.ProducerID, size int32) {
	p.mu.Lock()
	p.windows = append(p.windows, size)
	p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *peer) Prefetch(message.ConsumerID, message.Destination, int32) {}

func (p *peer) CloseConsumer(id message.ConsumerID) {
	p.mu.Lock()
	p.told = append(p.told, id)
	p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *peer) Fail(err error) {
	p.mu.Lock()
	p.failed = err
	p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *peer) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// take waits for n deliveries and removes them.
func (p *peer) take(t *testing.T, n int) []message.Delivery {
	t.Helper()
	deadline := time.AfterFunc(patience, p.cond.Broadcast)
	defer deadline.Stop()
	start := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.deliveries) < n {
		if time.Since(start) >= patience {
			t.Fatalf("%d deliveries instead of %d", len(p.deliveries), n)
		}
		p.cond.Wait()
	}
	out := append([]message.Delivery(nil), p.deliveries[:n]...)
	p.deliveries = append([]message.Delivery(nil), p.deliveries[n:]...)
	return out
}

func (p *peer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.deliveries)
}

// fixture is a broker with its store.
type fixture struct {
	t *testing.T
	*Broker
	store   store.Store
	clients int
}

func start(t *testing.T, change ...func(*Options)) *fixture {
	return startOn(t, newDisk(t), change...)
}

func startOn(t *testing.T, s store.Store, change ...func(*Options)) *fixture {
	o := Options{Name: "test", ID: "ID:test-1-1-0:1", Store: s, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&o)
	}
	b, err := New(o)
	require.NoError(t, err)
	f := &fixture{t: t, Broker: b, store: s}
	t.Cleanup(func() { f.close() })
	return f
}

func (f *fixture) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(f.t, f.Broker.Close(ctx))
	require.NoError(f.t, f.store.Close())
}

// crash leaves everything as it is, for another broker to take over.
func (f *fixture) crash(change ...func(*Options)) *fixture {
	d := f.store.(*disk)
	f.Broker.stopping.Store(true)
	f.close()
	return startOn(f.t, d.reopen(), change...)
}

// client is a connection with one session.
type client struct {
	t *testing.T
	f *fixture
	*Connection
	*peer
	session   message.SessionID
	sequences map[message.ProducerID]int64
}

func (f *fixture) connect(change ...func(*message.ConnectionInfo)) *client {
	f.t.Helper()
	return f.join(f.Connect, change...)
}

func (f *fixture) steal(change ...func(*message.ConnectionInfo)) *client {
	f.t.Helper()
	return f.join(f.Steal, change...)
}

func (f *fixture) join(connect func(*message.ConnectionInfo, Peer) (*Connection, error), change ...func(*message.ConnectionInfo)) *client {
	f.clients++
	id := message.ConnectionID(fmt.Sprintf("ID:client-%d", f.clients))
	info := &message.ConnectionInfo{ID: id, ClientID: string(id)}
	for _, g := range change {
		g(info)
	}
	p := newPeer()
	c, err := connect(info, p)
	require.NoError(f.t, err)
	cl := &client{t: f.t, f: f, Connection: c, peer: p, sequences: map[message.ProducerID]int64{}}
	cl.session = message.SessionID{Connection: info.ID, Value: 1}
	require.NoError(f.t, c.AddSession(&message.SessionInfo{ID: cl.session}))
	return cl
}

func (c *client) producer(n int64, dest message.Destination, change ...func(*message.ProducerInfo)) message.ProducerID {
	c.t.Helper()
	id := message.ProducerID{Connection: c.session.Connection, Session: 1, Value: n}
	info := &message.ProducerInfo{ID: id, Destination: dest}
	for _, f := range change {
		f(info)
	}
	require.NoError(c.t, c.AddProducer(info))
	return id
}

func (c *client) consumer(n int64, dest message.Destination, prefetch int32, change ...func(*message.ConsumerInfo)) message.ConsumerID {
	c.t.Helper()
	id := message.ConsumerID{Connection: c.session.Connection, Session: 1, Value: n}
	info := &message.ConsumerInfo{ID: id, Destination: dest, PrefetchSize: prefetch}
	for _, f := range change {
		f(info)
	}
	require.NoError(c.t, c.AddConsumer(info))
	return id
}

// make returns the next message of a producer.
func (c *client) make(p message.ProducerID, dest message.Destination, change ...func(*message.Message)) *message.Message {
	c.sequences[p]++
	m := &message.Message{
		Body: message.Text, Persistent: true, Priority: 4, Destination: dest, Producer: p,
		ID:      message.MessageID{Producer: p, ProducerSequence: c.sequences[p]},
		Content: []byte("hello"),
	}
	for _, f := range change {
		f(m)
	}
	return m
}

// outcome waits for a done.
type outcome chan error

func newOutcome() outcome { return make(outcome, 1) }

func (o outcome) done(err error) {
	select {
	case o <- err:
	default:
		panic("done was called twice")
	}
}

func (o outcome) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-o:
		return err
	case <-time.After(patience):
		t.Fatal("done was not called")
		return nil
	}
}

// send sends and waits for the outcome.
func (c *client) send(m *message.Message) error {
	c.t.Helper()
	o := newOutcome()
	c.SendLed(context.Background(), m, o.done)
	return o.wait(c.t)
}

// sendN sends n messages.
func (c *client) sendN(p message.ProducerID, dest message.Destination, n int, change ...func(*message.Message)) {
	c.t.Helper()
	var last outcome
	for range n {
		last = newOutcome()
		c.SendLed(context.Background(), c.make(p, dest, change...), last.done)
	}
	if last != nil {
		require.NoError(c.t, last.wait(c.t))
	}
}

func (c *client) ack(a *message.Ack) error {
	c.t.Helper()
	o := newOutcome()
	c.Acknowledge(a, true, o.done)
	return o.wait(c.t)
}

// ackOf makes an acknowledgement of deliveries of one consumer.
func ackOf(kind message.AckType, d ...message.Delivery) *message.Ack {
	return &message.Ack{
		Type: kind, Count: int32(len(d)), Consumer: d[0].Consumer, Destination: d[0].Destination,
		First: d[0].Message.ID, Last: d[len(d)-1].Message.ID,
	}
}

func (c *client) commit(id message.TransactionID) error {
	o := newOutcome()
	c.Commit(id, true, o.done)
	return o.wait(c.t)
}

func (c *client) rollback(id message.TransactionID) error {
	o := newOutcome()
	c.Rollback(id, o.done)
	return o.wait(c.t)
}

func (c *client) begin(n int64) message.TransactionID {
	id := message.TransactionID{Connection: c.session.Connection, Value: n}
	require.NoError(c.t, c.Begin(id))
	return id
}

func (f *fixture) stats(dest message.Destination) DestinationStats {
	for _, s := range f.Destinations() {
		if s.Destination == dest {
			return s
		}
	}
	return DestinationStats{}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	require.Eventually(t, f, patience, time.Millisecond, what)
}

func sequencesOf(d []message.Delivery) []int64 {
	list := make([]int64, len(d))
	for i := range d {
		list[i] = d[i].Message.ID.ProducerSequence
	}
	return list
}

func count(from, n int64) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = from + int64(i)
	}
	return list
}

var transient = func(m *message.Message) { m.Persistent = false }

// disk is a memory store that another broker can take over: it remembers
// what was exposed and which subscriptions there are.
type disk struct {
	*memory.Store
	mu       sync.Mutex
	dests    map[message.Destination]bool
	exposed  map[message.Destination]store.Segment // by this process
	risky    map[message.Destination]store.Segment // by the one before
	subs     map[message.Destination]map[string]message.SubscriptionInfo
	prepared map[message.TransactionID][]store.Op
	held     chan struct{}   // not nil: Done waits until it is closed
	left     []chan struct{} // mu; closed by Lead
	state    *store.State
}

// segmentOf makes segments of ten positions.
func segmentOf(s store.Seq) store.Segment { return store.Segment(s/10) + 1 }

func (d *disk) Page(dst []store.Entry, dest message.Destination, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	entries, err := d.Store.Page(dst, dest, after, limit, maxBytes)
	return d.flag(entries, dest), err
}

func (d *disk) PageSubscription(dst []store.Entry, dest message.Destination, key string, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	entries, err := d.Store.PageSubscription(dst, dest, key, after, limit, maxBytes)
	return d.flag(entries, dest), err
}

func (d *disk) flag(entries []store.Entry, dest message.Destination) []store.Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range entries {
		entries[i].Segment = segmentOf(entries[i].Seq)
		entries[i].Redelivered = entries[i].Segment <= d.risky[dest]
	}
	return entries
}

func newDisk(t *testing.T) *disk {
	s := memory.New()
	t.Cleanup(func() { _ = s.Close() })
	return &disk{
		Store: s, dests: map[message.Destination]bool{}, exposed: map[message.Destination]store.Segment{},
		subs: map[message.Destination]map[string]message.SubscriptionInfo{}, prepared: map[message.TransactionID][]store.Op{},
		state: &store.State{},
	}
}

func (d *disk) Recovered() *store.State { return d.state }

func (d *disk) Append(u *store.Unit) {
	done, ops := u.Done, u.Ops
	led := d.leave(u)
	u.Done = func(err error) {
		<-led
		if d.held != nil {
			<-d.held
		}
		if err == nil {
			d.note(u, ops)
		}
		if done != nil {
			done(err)
		}
	}
	d.Store.Append(u)
}

// leave gives what is closed when a unit may be done: at once, or when the
// caller of Append, who said that he would, has called Lead.
func (d *disk) leave(u *store.Unit) <-chan struct{} {
	led := make(chan struct{})
	if !u.Led {
		close(led)
		return led
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = append(d.left, led)
	return led
}

// Lead implements store.Leader.
func (d *disk) Lead() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, led := range d.left {
		close(led)
	}
	d.left = nil
}

func (d *disk) note(u *store.Unit, ops []store.Op) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch u.Outcome {
	case store.Prepare:
		d.prepared[u.Transaction] = ops
		return
	case store.Rollback:
		delete(d.prepared, u.Transaction)
		return
	case store.Commit:
		delete(d.prepared, u.Transaction)
	}
	for i := range u.Ops {
		op := &u.Ops[i]
		d.dests[op.Destination] = true
		switch op.Action {
		case store.Add:
			op.Segment = segmentOf(op.Seq)
		case store.Expose:
			d.exposed[op.Destination] = max(d.exposed[op.Destination], op.Segment)
		case store.RemoveDestination:
			delete(d.dests, op.Destination)
			delete(d.subs, op.Destination)
		case store.AddSubscription:
			if d.subs[op.Destination] == nil {
				d.subs[op.Destination] = map[string]message.SubscriptionInfo{}
			}
			d.subs[op.Destination][op.Info.Key()] = *op.Info
		case store.RemoveSubscription:
			delete(d.subs[op.Destination], op.Subscription)
		}
	}
}

// Close waits for what was appended; the memory itself lives as long as the
// test.
func (d *disk) Close() error {
	done := make(chan struct{})
	d.Store.Append(&store.Unit{Done: func(error) { close(done) }})
	<-done
	return nil
}

// reopen is what another process finds.
func (d *disk) reopen() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := &disk{Store: d.Store, dests: d.dests, exposed: d.exposed, risky: maps.Clone(d.exposed), subs: d.subs, prepared: d.prepared}
	s := &store.State{}
	for dest := range d.dests {
		entries, _ := d.Store.Page(nil, dest, 0, 1<<30, 1<<60)
		state := store.DestinationState{Destination: dest, Messages: int64(len(entries)), Exposed: d.exposed[dest]}
		for _, e := range entries {
			s.LastBrokerSequence = max(s.LastBrokerSequence, e.Message.ID.BrokerSequence)
		}
		for key, info := range d.subs[dest] {
			pending, _ := d.Store.PageSubscription(nil, dest, key, 0, 1<<30, 1<<60)
			state.Subscriptions = append(state.Subscriptions, store.SubscriptionState{Info: info, Pending: int64(len(pending))})
		}
		s.Destinations = append(s.Destinations, state)
	}
	for id, ops := range d.prepared {
		s.Prepared = append(s.Prepared, store.Prepared{Transaction: id, Ops: ops})
	}
	n.state = s
	return n
}

// barrier is a unit behind which the store stands still until hold is closed.
func barrier(hold chan struct{}) *store.Unit {
	return &store.Unit{Done: func(error) { <-hold }}
}
