package client

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// group is a set of scripted brokers by address. One that is down refuses.
type group struct {
	mu     sync.Mutex
	up     map[string]bool
	script func(*peer, heard) bool
	dials  []string
	peers  map[string][]*peer // every connection, the newest last
	all    sync.WaitGroup
}

func newGroup(addresses ...string) *group {
	g := &group{up: map[string]bool{}, peers: map[string][]*peer{}}
	for _, a := range addresses {
		g.up[a] = true
	}
	return g
}

func (g *group) dial(_ context.Context, _, address string) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dials = append(g.dials, address)
	if !g.up[address] {
		return nil, errRefused
	}
	p := newPeer(g.script)
	ours, theirs := net.Pipe()
	p.nc = theirs
	g.peers[address] = append(g.peers[address], p)
	g.all.Go(p.run)
	return ours, nil
}

// peer is the newest connection to a broker.
func (g *group) peer(address string) *peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.peers[address]
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}

func (g *group) connections(address string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.peers[address])
}

func (g *group) set(address string, up bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.up[address] = up
}

// kill takes a broker down with its connections.
func (g *group) kill(address string) {
	g.set(address, false)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.peers[address] {
		p.nc.Close()
	}
}

func (g *group) dialed() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.dials...)
}

// connect dials with events noted.
func (g *group) connect(t *testing.T, url string, opts Options) (*Conn, *events) {
	t.Helper()
	e := &events{}
	opts.DialContext = g.dial
	opts.Transport = e.listener()
	conn, err := Dial(t.Context(), url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { g.finish(conn) })
	return conn, e
}

func (g *group) finish(conn *Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
	g.all.Wait()
}

// events notes what a TransportListener is told.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, what)
}

func (e *events) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.list...)
}

func (e *events) listener() TransportListener {
	return TransportListener{
		Interrupted: func(error) { e.add("interrupted") },
		Resumed:     func(broker string) { e.add("resumed " + broker) },
		Exception:   func(error) { e.add("exception") },
	}
}

// introduced reports whether a client has introduced itself on a connection.
func introduced(p *peer) bool {
	if p == nil {
		return false
	}
	for {
		select {
		case h, ok := <-p.heard:
			if !ok {
				return false
			}
			if _, is := h.cmd.(*message.ConnectionInfo); is {
				return true
			}
		default:
			return false
		}
	}
}

func control(broker string, rebalance bool) *openwire.ConnectionControl {
	return &openwire.ConnectionControl{ConnectedBrokers: broker, Rebalance: rebalance}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
