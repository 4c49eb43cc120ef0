package network_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/message/selector"
	"github.com/conclavemq/conclave/network"
	"github.com/conclavemq/conclave/network/discovery"
	codec "github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store/memory"
	"github.com/conclavemq/conclave/transport"
	"github.com/conclavemq/conclave/transport/openwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a broker with a port and a network, in this process.
type node struct {
	t        *testing.T
	name     string
	broker   *broker.Broker
	network  *network.Network
	listener *transport.Listener
	url      string
	store    *memory.Store
	unbridge func() // ends all its bridges
}

var starts atomic.Int64

type bridges struct{ *network.Network }

func (b bridges) Duplex(info *codec.BrokerInfo, far *openwire.Far) (openwire.Reverse, error) {
	r, err := b.Accept(info, far)
	if err != nil {
		return nil, err
	}
	return r, nil
}

type filter struct{ *selector.Selector }

func (f filter) Match(m *message.Message, redeliveries int32) bool {
	return f.Matches(selector.Env{Message: m, RedeliveryCounter: redeliveries})
}

func startNode(t *testing.T, name string, edit ...func(*broker.Options)) *node {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("NETWORK_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", name)
	}
	s := memory.New()
	options := broker.Options{
		Name: name, ID: message.BrokerID(fmt.Sprintf("ID:%s-1-%d-0:1", name, starts.Add(1))), Store: s, Log: log,
		ParseSelector: func(text string) (broker.Filter, error) {
			p, err := selector.Parse(text)
			return filter{p}, err
		},
	}
	for _, f := range edit {
		f(&options)
	}
	b, err := broker.New(options)
	require.NoError(t, err)
	n := &node{t: t, name: name, broker: b, store: s}
	n.network = network.New(network.Options{Broker: b, BrokerURL: func() string { return n.url }, Log: log})
	n.unbridge = sync.OnceFunc(n.network.Stop)
	uri, err := transport.ParseURI("tcp://127.0.0.1:0")
	require.NoError(t, err)
	protocol := openwire.New(openwire.Options{URI: uri, Broker: b, BrokerName: name, BrokerID: options.ID, Bridges: bridges{n.network}, Log: log})
	n.listener, err = transport.Listen(transport.Options{Name: "openwire", URI: uri, Protocol: protocol, Log: log})
	require.NoError(t, err)
	n.url = "tcp://" + n.listener.Addr().String()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		n.unbridge()
		n.listener.Park(ctx)
		n.listener.Dismiss()
		require.NoError(t, b.Close(ctx))
		require.NoError(t, s.Close())
	})
	return n
}

// connect bridges n to others and waits until the bridges are there.
func (n *node) connect(uri string, edit ...func(*network.Configuration)) *network.Connector {
	n.t.Helper()
	c := network.DefaultConfiguration()
	for _, f := range edit {
		f(&c)
	}
	u, err := discovery.Parse(uri)
	require.NoError(n.t, err)
	return n.network.Connect(u, c)
}

// bridge is connect to another node, and waits for the bridge.
func (n *node) bridge(to *node, edit ...func(*network.Configuration)) {
	n.t.Helper()
	had := len(n.bridged())
	n.connect("static:("+to.url+")", edit...)
	n.await("a bridge", func() bool { return len(n.bridged()) > had })
}

func (n *node) bridged() (list []network.Status) {
	for _, s := range n.network.Status() {
		if s.State == network.Bridged {
			list = append(list, s)
		}
	}
	return list
}

func duplex(c *network.Configuration) { c.Duplex = true }

func hops(n int) func(*network.Configuration) {
	return func(c *network.Configuration) { c.ConsumerTTL, c.MessageTTL = n, n }
}

func named(name string) func(*network.Configuration) {
	return func(c *network.Configuration) { c.Name = name }
}

func (n *node) await(what string, ok func() bool) {
	n.t.Helper()
	require.Eventually(n.t, ok, 10*time.Second, 2*time.Millisecond, "%s: %s", n.name, what)
}

// dial connects a client.
func (n *node) dial(id string) *client.Session {
	n.t.Helper()
	s, err := n.conn(id).Session(n.t.Context(), client.AutoAcknowledge)
	require.NoError(n.t, err)
	return s
}

func (n *node) conn(id string) *client.Conn {
	n.t.Helper()
	c, err := client.Dial(n.t.Context(), n.url, client.Options{ClientID: id})
	require.NoError(n.t, err)
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Close(ctx)
	})
	return c
}

// send sends count texts, "0", "1", ….
func (n *node) send(d message.Destination, count int, opts ...client.ProducerOptions) {
	n.t.Helper()
	n.sendFrom(d, 0, count, opts...)
}

func (n *node) sendFrom(d message.Destination, from, to int, opts ...client.ProducerOptions) {
	n.t.Helper()
	o := client.ProducerOptions{}
	if len(opts) > 0 {
		o = opts[0]
	}
	p, err := n.dial("").Producer(n.t.Context(), d, o)
	require.NoError(n.t, err)
	for i := from; i < to; i++ {
		require.NoError(n.t, p.Send(n.t.Context(), client.NewText(fmt.Sprint(i))))
	}
}

func (n *node) consume(d message.Destination, opts ...client.ConsumerOptions) *client.Consumer {
	n.t.Helper()
	o := client.ConsumerOptions{}
	if len(opts) > 0 {
		o = opts[0]
	}
	c, err := n.dial("").Consumer(n.t.Context(), d, o)
	require.NoError(n.t, err)
	return c
}

// subscribed waits until n has count bridge consumers on d.
func (n *node) subscribed(d message.Destination, count int) {
	n.t.Helper()
	n.await(fmt.Sprintf("%d network consumers on %s", count, d), func() bool { return n.networkConsumers(d) == count })
}

func (n *node) networkConsumers(d message.Destination) (found int) {
	for _, c := range n.broker.Consumers() {
		if c.NetworkSubscription && c.Destination == d {
			found++
		}
	}
	return found
}

// receive takes count texts.
func receive(t *testing.T, c *client.Consumer, count int) []string {
	t.Helper()
	var got []string
	for len(got) < count {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		d, err := c.Receive(ctx)
		cancel()
		require.NoError(t, err, "after %d of %d", len(got), count)
		text, err := client.Text(d.Message)
		require.NoError(t, err)
		got = append(got, text)
	}
	return got
}

// nothing checks that no message comes.
func nothing(t *testing.T, c *client.Consumer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	d, err := c.Receive(ctx)
	require.Error(t, err, "got %v", d.Message)
}

func numbers(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// depth is how many messages a queue holds.
func (n *node) depth(d message.Destination) int64 {
	for _, s := range n.broker.Destinations() {
		if s.Destination == d {
			return s.Size
		}
	}
	return 0
}

func (n *node) stats(d message.Destination) broker.DestinationStats {
	for _, s := range n.broker.Destinations() {
		if s.Destination == d {
			return s
		}
	}
	return broker.DestinationStats{}
}

// show logs what a queue holds and who consumes it.
func (n *node) show(d message.Destination) {
	for _, c := range n.broker.Consumers() {
		if c.Destination == d {
			n.t.Logf("%s: consumer %s network=%t path=%v", n.name, c.ID, c.NetworkSubscription, c.BrokerPath)
		}
	}
	entries, err := n.store.Page(nil, d, 0, 100, 1<<20)
	n.t.Logf("%s: store %v %d", n.name, err, len(entries))
	for _, e := range entries {
		n.t.Logf("%s: %d %s path %v", n.name, e.Seq, e.Message.ID, e.Message.BrokerPath)
	}
}
