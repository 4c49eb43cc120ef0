//go:build network

package network

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store/memory"
	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/transport"
	"github.com/conclavemq/conclave/transport/openwire"
)

// node is a broker within this process, whose peers the test chooses.
type node struct {
	name     string
	broker   *broker.Broker
	listener *transport.Listener
}

// everything is all that a connector can tell its clients.
var everything = openwire.Cluster{Update: true, Rebalance: true, OnRemove: true}

func newNode(t *testing.T, name string, port int, c openwire.Cluster) *node {
	t.Helper()
	m := &node{name: name}
	id := message.BrokerID(fmt.Sprintf("ID:%s-%d-0:1", name, time.Now().UnixNano()))
	log := slog.New(slog.DiscardHandler)
	var err error
	m.broker, err = broker.New(broker.Options{Name: name, ID: id, Store: memory.New(), Log: log})
	require.NoError(t, err)
	uri, err := transport.ParseURI(fmt.Sprintf("tcp://127.0.0.1:%d", port))
	require.NoError(t, err)
	protocol := openwire.New(openwire.Options{URI: uri, Broker: m.broker, BrokerName: name, BrokerID: id, Cluster: c, Log: log,
		BrokerURL: func() string { return fmt.Sprintf("tcp://127.0.0.1:%d", port) }})
	m.listener, err = transport.Listen(transport.Options{URI: uri, Protocol: protocol, Log: log})
	require.NoError(t, err)
	m.broker.WatchPeers(func(p broker.PeerBroker, here bool) {
		info := codec.BrokerInfo{ID: p.ID, Name: p.Name, URL: p.URL}
		if here {
			protocol.AddPeer(info)
		} else {
			protocol.RemovePeer(info)
		}
	})
	t.Cleanup(m.stop)
	return m
}

func (m *node) stop() {
	m.listener.Close()
	_ = m.broker.Close(context.Background()) // nothing is stored
}

func (m *node) port() string { return strconv.Itoa(m.listener.Addr().Port) }

func (m *node) peer() broker.PeerBroker {
	return broker.PeerBroker{ID: message.BrokerID("ID:" + m.name), Name: m.name, URL: m.listener.PublishedURI(), Info: &codec.BrokerInfo{Name: m.name}}
}

// meets is a bridge from a to b that works.
func (a *node) meets(b *node)  { a.broker.BridgeStarted(b.peer(), false, b.listener.PublishedURI()) }
func (a *node) leaves(b *node) { a.broker.BridgeStopped(b.peer()) }

// clients is a running ClusterClients.
type clients struct {
	t       *testing.T
	program *harness.Program
	resumed int // in all
	at      map[string]int
}

func newClients(t *testing.T, n int, uri string) *clients {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p, err := lab.Java.Start(ctx, "ClusterClients", uri, strconv.Itoa(n))
	require.NoError(t, err)
	t.Cleanup(func() {
		defer cancel()
		p.In.Close()
		for range p.Lines {
		}
		require.NoError(t, p.Wait())
	})
	c := &clients{t: t, program: p}
	require.Equal(t, "ready", <-p.Lines, "%s", p.Stderr())
	return c
}

// look asks where the clients are.
func (c *clients) look() map[string]int {
	require.NoError(c.t, c.program.Tell("where"))
	fields := strings.Fields(<-c.program.Lines)
	require.NotEmpty(c.t, fields, "%s", c.program.Stderr())
	c.resumed, _ = strconv.Atoi(fields[0])
	c.at = map[string]int{}
	for _, f := range fields[1:] {
		port, n, _ := strings.Cut(f, "=")
		c.at[port], _ = strconv.Atoi(n)
	}
	return c.at
}

// spread waits until the clients are spread evenly over ports, as far as chance
// allows: where each decides for itself, by three deviations.
func (c *clients) spread(total int, tolerance float64, members ...*node) {
	c.t.Helper()
	want := float64(total) / float64(len(members))
	var ports []string
	for _, m := range members {
		ports = append(ports, m.port())
	}
	slices.Sort(ports)
	c.await(fmt.Sprintf("clients are spread over %v", ports), func() bool { return c.even(ports, want, tolerance) })
}

func (c *clients) await(what string, holds func() bool) {
	c.t.Helper()
	for until := time.Now().Add(30 * time.Second); !holds(); <-time.After(100 * time.Millisecond) {
		require.True(c.t, time.Now().Before(until), "not true: %s; they are at %v", what, c.at)
	}
}

// even asks whether the clients are at all of the ports and at no others, about
// as many at each.
func (c *clients) even(ports []string, want, tolerance float64) bool {
	at := c.look()
	if !slices.Equal(slices.Sorted(maps.Keys(at)), ports) {
		return false
	}
	for _, n := range at {
		if math.Abs(float64(n)-want) > tolerance*want {
			return false
		}
	}
	return true
}

// still requires that no client moves for a time, and reports how often they
// have moved in all.
func (c *clients) still(d time.Duration) int {
	c.t.Helper()
	c.look()
	before := c.resumed
	for until := time.Now().Add(d); time.Now().Before(until); <-time.After(100 * time.Millisecond) {
		c.look()
		require.Equal(c.t, before, c.resumed, "clients go on moving")
	}
	return before
}

// Clients that know one broker spread over each that joins, each moving once
// at most, whichever end of the bridges is there first; those of a broker that
// leaves go to the others.
func TestClusterSpreadsClients(t *testing.T) {
	const n = 60
	a := newNode(t, "a", freePort(t), everything)
	c := newClients(t, n, fmt.Sprintf("failover:(tcp://127.0.0.1:%s)?randomize=false", a.port()))
	c.spread(n, 0, a)
	b := newNode(t, "b", freePort(t), everything)
	a.meets(b) // b does not know a yet when the clients come
	c.spread(n, 0.1, a, b)
	b.meets(a)
	moved := c.still(2 * time.Second)
	require.LessOrEqual(t, moved, n+n/2, "each is connected once and half of them moved once")
	d := newNode(t, "d", freePort(t), everything)
	a.meets(d) // b learns of d when some of a's clients have come to it
	c.await("a moves its clients", func() bool { return c.look()[d.port()] == n/6 })
	c.still(500 * time.Millisecond)
	d.meets(a)
	b.meets(d)
	d.meets(b)
	c.spread(n, 0.1, a, b, d)
	b.stop()
	a.leaves(b)
	d.leaves(b)
	c.spread(n, 0.4, a, d)
	c.still(time.Second)
}

// With randomize, the default, every client takes its pick, and yet no broker
// gets more than its share.
func TestClusterSpreadsRandomClients(t *testing.T) {
	const n = 100
	a := newNode(t, "a", freePort(t), everything)
	c := newClients(t, n, fmt.Sprintf("failover:(tcp://127.0.0.1:%s)", a.port()))
	b := newNode(t, "b", freePort(t), everything)
	b.meets(a)
	a.meets(b)
	c.spread(n, 0.1, a, b)
	for before := 0; before != c.resumed; <-time.After(2 * time.Second) { // the last few
		before = c.resumed
		c.look()
	}
	require.LessOrEqual(t, c.resumed, n+n/2, "no more move than shall")
	c.spread(n, 0.1, a, b)
}

// A client that was given one address survives its broker, and one that was
// told of a broker that has left does not try it.
func TestClusterClientsLearnAndForget(t *testing.T) {
	port := freePort(t)
	a, b := newNode(t, "a", port, everything), newNode(t, "b", freePort(t), everything)
	a.meets(b)
	b.meets(a)
	b.meets(newNode(t, "gone", freePort(t), everything))
	b.leaves(&node{name: "gone", listener: a.listener})
	c := newClients(t, 4, fmt.Sprintf("failover:(tcp://127.0.0.1:%d)?randomize=false", port))
	a.stop()
	b.leaves(a)
	c.spread(4, 0, b)
}

// Brokers with bridges to each other: a client that was given one address is
// spread over a broker that starts, outlives it, and is spread again when it
// is back.
func TestClusterOfProcesses(t *testing.T) {
	const n = 40
	a, b := newMember(t, harness.Conclave, "a"), newMember(t, harness.Conclave, "b")
	for _, m := range []*member{a, b} {
		m.Connector = map[string]string{"updateClusterClients": "true", "rebalanceClusterClients": "true", "updateClusterClientsOnRemove": "true"}
	}
	a.link("static:("+b.url()+")?maxReconnectDelay=1000", "")
	b.link("static:("+a.url()+")", "")
	first := a.start(t)
	b.configure()
	second := lab.NewBroker(t, b.Options)
	at := func(b *harness.Broker) string { return strconv.Itoa(b.Port()) }
	c := newClients(t, n, "failover:("+a.url()+")?randomize=false")
	require.Equal(t, map[string]int{at(first): n}, c.look())
	for range 2 {
		require.NoError(t, second.StartServing(startLimit))
		c.await("clients are spread", func() bool { return c.look()[at(first)] == n/2 && c.at[at(second)] == n/2 })
		c.still(time.Second)
		require.NoError(t, second.Kill())
		c.await("clients survive", func() bool { return c.look()[at(first)] == n })
	}
}

// A pair's slave takes over under an address that clients have not heard of:
// they go to the other broker, and are spread again when the bridge is back.
func TestClusterWithPair(t *testing.T) {
	const n = 40
	a, pair := newMember(t, harness.Conclave, "a"), []*member{newMember(t, harness.Conclave, "b"), newMember(t, harness.Conclave, "b")}
	for _, m := range append(pair, a) {
		m.Connector = map[string]string{"updateClusterClients": "true", "rebalanceClusterClients": "true", "updateClusterClientsOnRemove": "true"}
	}
	a.link("masterslave:("+pair[0].url()+","+pair[1].url()+")", "")
	dir := t.TempDir()
	var brokers []*harness.Broker
	for i, m := range pair {
		m.Directory = dir
		m.link("static:("+a.url()+")", "")
		brokers = append(brokers, m.start1(t, i == 0))
	}
	first := a.start(t)
	c := newClients(t, n, "failover:("+a.url()+")?randomize=false")
	even := func(b *harness.Broker) func() bool {
		return func() bool {
			return c.look()[strconv.Itoa(first.Port())] == n/2 && c.at[strconv.Itoa(b.Port())] == n/2
		}
	}
	c.await("clients are spread", even(brokers[0]))
	require.NoError(t, brokers[0].Kill())
	ports := []string{strconv.Itoa(first.Port()), strconv.Itoa(brokers[1].Port())}
	slices.Sort(ports)
	c.await("clients are spread over the slave, late ones too", func() bool { return c.even(ports, n/2, 0.1) })
	c.still(time.Second)
}
