package network

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
)

// Options are what a Network needs. Broker is required.
type Options struct {
	Broker *broker.Broker
	// BrokerURL is what other brokers are told of this one's address; nil is
	// nothing. It is asked for each bridge.
	BrokerURL func() string
	// Self has the URIs of this broker's own connectors; what is announced of
	// these to a discovery group is not connected to.
	Self func() []string
	Log  *slog.Logger // nil: slog.Default()
}

// Network is the bridges of one broker.
type Network struct {
	broker *broker.Broker
	url    func() string
	self   func() []string
	log    *slog.Logger
	seed   string
	ids    atomic.Int64
	shared shared

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // of bridges

	mu         sync.Mutex
	connectors []*Connector      // mu
	reverse    map[*Reverse]bool // mu
	stopped    bool              // mu
}

// New makes a network without connectors.
func New(o Options) *Network {
	n := &Network{broker: o.Broker, url: o.BrokerURL, self: o.Self, log: o.Log, reverse: map[*Reverse]bool{}}
	if n.log == nil {
		n.log = slog.Default()
	}
	if n.self == nil {
		n.self = func() []string { return nil }
	}
	if n.url == nil {
		n.url = func() string { return "" }
	}
	n.seed = fmt.Sprintf("-%d-%d-", rand.Uint32(), time.Now().UnixMilli())
	n.shared.init()
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n
}

// connectionID is a new one of the form of ActiveMQ's with
// useBrokerNamesAsIdSeed.
func (n *Network) connectionID(remote string) message.ConnectionID {
	return message.ConnectionID(fmt.Sprintf("ID:%s->%s%s%d:1", n.broker.Name(), remote, n.seed, n.ids.Add(1)))
}

// address is what is shown of a wire's far end.
func (n *Network) address(w Wire) string {
	if e, ok := w.(interface{ Endpoint() string }); ok {
		return e.Endpoint()
	}
	return ""
}

// Stop ends all bridges and waits for them.
func (n *Network) Stop() {
	n.mu.Lock()
	n.stopped = true
	connectors := n.connectors
	var reverse []*Reverse
	for r := range n.reverse {
		reverse = append(reverse, r)
	}
	n.mu.Unlock()
	for _, c := range connectors {
		c.agent.Close()
	}
	n.cancel()
	for _, r := range reverse {
		r.Close()
	}
	n.work.Wait()
}

// Silence ends all bridges without waiting: another process may be the broker.
func (n *Network) Silence() {
	n.mu.Lock()
	connectors := n.connectors
	n.stopped = true
	n.mu.Unlock()
	for _, c := range connectors {
		c.mu.Lock()
		for _, l := range c.links {
			if l.wire != nil {
				l.wire.Abort()
			}
		}
		c.mu.Unlock()
	}
	n.cancel()
}

// note keeps and logs what went wrong with a bridge that goes on.
func (b *bridge) note(err error) {
	b.log.Warn("bridge cannot serve a destination", "error", strings.ReplaceAll(err.Error(), "\n", " "))
	b.trouble.Store(&trouble{err.Error(), time.Now()})
}

// trouble is an error and when it was.
type trouble struct {
	text string
	at   time.Time
}
