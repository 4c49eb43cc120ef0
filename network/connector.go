package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/network/discovery"
	"github.com/conclavemq/conclave/openwire"
)

// Connector keeps a bridge to every broker that its discovery agent finds.
// (ActiveMQ: DiscoveryNetworkConnector)
type Connector struct {
	net    *Network
	uri    *discovery.URI
	config Configuration
	agent  discovery.Agent
	log    *slog.Logger

	mu    sync.Mutex
	links map[string]*link // mu; by service name; bounded by the agent, see forgetLocked
}

// link is what is known of the way to one service, whether there is a bridge
// or not.
type link struct {
	service discovery.Service
	cancel  context.CancelFunc
	over    chan struct{} // closed when nothing works for service any more
	gone    bool          // the agent has taken service back
	state   State
	since   time.Time
	bridge  *bridge // of the present or last try, nil before the first
	wire    *client.Wire
	tries   int64 // to make a bridge
	bridges int64 // that were made
	last    *trouble
	past    totals        // of earlier bridges
	rest    time.Duration // before the last try after a bridge; its goroutine's
}

// Connect begins to keep bridges to what uri names.
func (n *Network) Connect(uri *discovery.URI, config Configuration) *Connector {
	c := &Connector{net: n, uri: uri, config: config, links: map[string]*link{}}
	c.config.BrokerName = n.broker.Name()
	c.log = n.log.With("connector", config.Name)
	c.agent = discovery.New(uri, discovery.Options{Self: n.self(), Log: n.log})
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return c
	}
	n.connectors = append(n.connectors, c)
	c.agent.Start(c)
	return c
}

// Added makes a bridge to a service that was found.
func (c *Connector) Added(s discovery.Service) {
	ctx, cancel := context.WithCancel(c.net.ctx)
	c.mu.Lock()
	l := c.links[s.Name]
	if l == nil {
		l = &link{}
		c.links[s.Name] = l
	}
	before, over := l.over, make(chan struct{})
	l.service, l.cancel, l.over, l.gone = s, cancel, over, false
	if before == nil {
		l.set(Connecting)
	}
	c.mu.Unlock()
	c.net.work.Go(func() {
		defer cancel()
		if before != nil {
			<-before // of the same name: l is that one's until it has ended
		}
		c.mu.Lock()
		l.set(Connecting)
		l.tries++
		c.mu.Unlock()
		for c.again(ctx, l, s) {
		}
		if c.net.ctx.Err() == nil {
			c.agent.Failed(s)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		close(over)
		c.forgetLocked(l)
	})
}

// forgetLocked drops what is known of a service that was announced and is gone,
// when nothing works for it any more: it may never come again, and anybody can
// announce more and more.
func (c *Connector) forgetLocked(l *link) {
	if c.uri.Scheme != discovery.Multicast || !l.gone {
		return
	}
	select {
	case <-l.over:
		delete(c.links, l.service.Name)
	default:
	}
}

// A bridge that broke is made again soon, so that one to a group heals as soon as
// another of it serves, and the later the more of them have not lasted. The
// agent's delays are for those that cannot be made. (ActiveMQ leaves all to the
// agent, which waits a second or more)
const (
	longLife     = 5 * time.Second
	shortestRest = 50 * time.Millisecond
	longestRest  = 1500 * time.Millisecond
)

// again makes a bridge, waits for its end and reports whether to try again at
// once.
func (c *Connector) again(ctx context.Context, l *link, s discovery.Service) bool {
	err := c.serve(ctx, l, s)
	lived := c.ended(l, err)
	if lived == 0 || ctx.Err() != nil {
		return false
	}
	if lived > longLife {
		l.rest = 0
	}
	l.rest = min(max(2*l.rest, shortestRest), longestRest)
	select {
	case <-time.After(l.rest):
	case <-ctx.Done():
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l.set(Connecting)
	l.tries++
	return true
}

// Removed ends the bridge to a service that is gone.
func (c *Connector) Removed(s discovery.Service) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.links[s.Name]
	if l == nil || l.service != s {
		return
	}
	l.cancel()
	l.gone = true
	c.forgetLocked(l)
}

func (l *link) set(s State) { l.state, l.since = s, time.Now() }

// sameAgain is how long an error is not logged again that comes again.
const sameAgain = 10 * time.Minute

// ended keeps why a bridge ended, and logs it unless it is the same as before. It
// returns how long there was one.
func (c *Connector) ended(l *link, err error) (lived time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.state == Bridged {
		lived = time.Since(l.since)
	}
	l.set(Waiting)
	if b := l.bridge; b != nil {
		l.past.add(&b.counters)
		l.bridge, l.wire = nil, nil
	}
	if c.net.ctx.Err() != nil {
		l.set(Stopped)
		return lived
	}
	again := l.last != nil && l.last.text == err.Error() && time.Since(l.last.at) < sameAgain
	l.last = &trouble{err.Error(), time.Now()}
	switch {
	case again:
		c.log.Debug("network connection failed again", "to", l.service.Name, "error", err)
	case errors.Is(err, ErrSameName):
		c.log.Error("network connection is refused", "to", l.service.Name, "error", err)
	default:
		c.log.Warn("network connection has ended or could not be made; it is tried again", "to", l.service.Name, "error", err)
	}
	return lived
}

// serve makes a bridge and returns why it ended.
func (c *Connector) serve(ctx context.Context, l *link, s discovery.Service) error {
	w, err := c.dial(ctx, s.URI)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer w.Close()
	defer cancel()
	var link linkage
	link.init(ctx, w)
	w.Run(link.command)
	remote, err := link.introduced(ctx)
	if err != nil {
		return err
	}
	if err := c.net.check(remote); err != nil {
		return err
	}
	config := c.config
	config.BrokerURL = c.net.url()
	b := c.net.newBridge(ctx, config, w, remote, false)
	c.mu.Lock()
	l.bridge, l.wire = b, w
	c.mu.Unlock()
	if config.Duplex {
		link.serve(b)
	}
	link.start(b)
	defer func() {
		b.fail(errStopped)
		_ = w.Push(&openwire.Shutdown{})
		cancel()
		w.Close() // nothing comes from it any more
		link.close()
		b.end()
	}()
	if err := b.begin(); err != nil {
		return orCause(b, err)
	}
	c.mu.Lock()
	l.set(Bridged)
	l.bridges++
	c.mu.Unlock()
	c.log.Info("Network connection has been established", "remote broker", remote.Name, "at", w.Endpoint(), "duplex", config.Duplex)
	return b.wait()
}

// orCause prefers why a bridge was ended to what somebody saw of it.
func orCause(b *bridge, err error) error {
	if cause := context.Cause(b.ctx); cause != nil {
		return cause
	}
	select {
	case <-b.wire.Done():
		if errors.Is(err, client.ErrConnectionLost) {
			return b.wire.Err()
		}
	default:
	}
	return err
}

// Of a group of which one serves, all are tried for a while: the one that takes
// over opens its port a moment after the other's is closed. (ActiveMQ tries
// once and waits for the agent)
const (
	groupPatience = 2 * time.Second
	groupPause    = 50 * time.Millisecond
)

func (c *Connector) dial(ctx context.Context, uri string) (*client.Wire, error) {
	began := time.Now()
	for {
		w, err := client.DialWire(ctx, uri, client.Options{Log: c.log})
		if err == nil || c.uri.Scheme != discovery.MasterSlave || time.Since(began) > groupPatience || ctx.Err() != nil {
			return w, err
		}
		select {
		case <-time.After(groupPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// linkage takes what comes on a connector's wire: first the broker's
// introduction, then what concerns the bridge, which waits until there is one.
type linkage struct {
	wire   *client.Wire
	broker chan *openwire.BrokerInfo // capacity 1
	ready  chan struct{}             // closed when bridge and server are set
	over   <-chan struct{}           // there will be no bridge
	bridge *bridge
	server *server // of a duplex connection
}

func (l *linkage) init(ctx context.Context, w *client.Wire) {
	l.wire, l.over = w, ctx.Done()
	l.broker, l.ready = make(chan *openwire.BrokerInfo, 1), make(chan struct{})
}

// introduced waits for the broker's introduction.
func (l *linkage) introduced(ctx context.Context) (*openwire.BrokerInfo, error) {
	timer := time.NewTimer(handshakeTime)
	defer timer.Stop()
	select {
	case info := <-l.broker:
		return info, nil
	case <-l.wire.Done():
		return nil, l.wire.Err()
	case <-timer.C:
		return nil, fmt.Errorf("%w: it did not introduce itself", ErrHandshake)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *linkage) serve(b *bridge) {
	l.server = newServer(b, l.wire)
	l.server.start()
}

func (l *linkage) start(b *bridge) {
	l.bridge = b
	close(l.ready)
}

func (l *linkage) close() {
	if l.server != nil {
		l.server.close()
	}
}

// command is called by the wire's reader.
func (l *linkage) command(h openwire.Header, command any) error {
	select {
	case <-l.ready:
	default:
		if info, ok := command.(*openwire.BrokerInfo); ok {
			select {
			case l.broker <- info:
			default:
			}
			return nil
		}
		switch command.(type) {
		case *openwire.ConnectionControl:
			return nil
		case *openwire.Shutdown:
			return errLeft
		}
		select {
		case <-l.ready:
		case <-l.over:
			return errStopped
		}
	}
	if l.server != nil && serves(command) {
		l.server.take(h, command, l.wire.Size(), l.wire.Ending())
		return nil
	}
	return l.bridge.command(command)
}
