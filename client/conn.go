package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// Conn is a connection to a broker, or to a group of brokers of which one
// serves. (JMS: Connection)
type Conn struct {
	target *target
	log    *slog.Logger
	info   message.ConnectionInfo // never changes

	commandID atomic.Int32
	requests  sync.Pool          // of *request with a channel
	end       context.CancelFunc // ends the goroutines that keep the connection
	finished  chan struct{}      // closed when the supervisor has ended and err is set
	helpers   sync.WaitGroup     // goroutines beside the supervisor and the link's

	addresses *addresses
	standby   *standby      // nil where the URL wants none
	moves     chan struct{} // capacity 1: there may be a reason to leave the present broker
	found     chan struct{} // capacity 1: a broker has been found
	hasty     int           // links in a row that soon ended; the supervisor's
	rebalance atomic.Bool   // the list of brokers has changed, and the broker asks for a choice

	mu        sync.Mutex
	link      *link                             // guarded by mu; nil between two links
	changed   chan struct{}                     // guarded by mu; closed and replaced when link or err changes
	err       error                             // guarded by mu; final
	shut      bool                              // guarded by mu; Close was called
	pending   map[int32]*request                // guarded by mu
	sessions  map[int64]*Session                // guarded by mu
	consumers map[message.ConsumerID]*Consumer  // guarded by mu
	producers map[message.ProducerID]*Producer  // guarded by mu; those with a window
	temps     map[message.Destination]struct{}  // guarded by mu; temporary destinations of this connection
	next      struct{ session, temp, tx int64 } // guarded by mu; last number given
	broker    *openwire.BrokerInfo              // guarded by mu; of the present or last link
	cache     messageCache                      // guarded by mu; with trackMessages
	losses    int                               // guarded by mu; links lost so far
	announced bool                              // guarded by mu; a broker has accepted info
}

// Dial connects to the broker that the URL names, "tcp://host:port?options" or
// "failover:(tcp://a,tcp://b)?options", and announces the client. With failover
// it tries until ctx ends or the attempts that the URL allows are used up. The
// error is ErrUnsupportedOption for what a URL may not name, a *RemoteError
// where the broker refuses, or of the network.
func Dial(ctx context.Context, url string, opts Options) (*Conn, error) {
	t, err := parseURL(url, opts)
	if err != nil {
		return nil, err
	}
	c := newConn(t)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	c.end = end
	if t.source != nil {
		c.helpers.Go(func() { c.discover(life) })
	}
	l, err := c.connect(ctx, nil)
	if err != nil {
		end()
		c.helpers.Wait()
		return nil, err
	}
	c.link = l
	if c.standby != nil {
		c.helpers.Go(func() { c.standby.run(life) })
	}
	c.connected(l)
	go c.supervise(life, l)
	if err := c.announce(ctx); err != nil {
		c.abandon()
		return nil, fmt.Errorf("connect to %s: %w", l.endpoint, err)
	}
	return c, nil
}

// announce introduces the client to its first broker.
func (c *Conn) announce(ctx context.Context) error {
	ctx, cancel := limited(ctx, c.target.options.ConnectResponseTimeout)
	defer cancel()
	info := c.info
	_, err := c.register(ctx, &info, func() { c.announced = true })
	return err
}

// limited is ctx with a time limit, if that is positive.
func limited(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

func newConn(t *target) *Conn {
	c := &Conn{
		target:    t,
		log:       t.options.Log,
		addresses: newAddresses(t),
		moves:     make(chan struct{}, 1),
		found:     make(chan struct{}, 1),
		finished:  make(chan struct{}),
		changed:   make(chan struct{}),
		pending:   make(map[int32]*request),
		sessions:  make(map[int64]*Session),
		consumers: make(map[message.ConsumerID]*Consumer),
		producers: make(map[message.ProducerID]*Producer),
		temps:     make(map[message.Destination]struct{}),
	}
	c.requests.New = func() any { return &request{ch: make(chan answer, 1)} }
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.target.options.Prefetch = t.options.Prefetch.withDefaults()
	c.standby = newStandby(c)
	if t.failover != nil {
		c.cache.limit = t.failover.maxCacheSize
	}
	id := newConnectionID(t.options.ConnectionIDPrefix)
	c.info = message.ConnectionInfo{
		ID:            id,
		ClientID:      t.options.ClientID,
		UserName:      t.options.UserName,
		Password:      t.options.Password,
		Manageable:    true,
		ClientMaster:  true,
		FaultTolerant: t.failover != nil,
	}
	if c.info.ClientID == "" {
		c.info.ClientID = clientIDOf(id, t.options.ClientIDPrefix)
	}
	return c
}

// ID is the connection's identifier.
func (c *Conn) ID() message.ConnectionID { return c.info.ID }

// ClientID is the client identifier, the one given or made.
func (c *Conn) ClientID() string { return c.info.ClientID }

// Done is closed when the connection has ended for good; Err then says why.
func (c *Conn) Done() <-chan struct{} { return c.finished }

// Err is nil while the connection lives, ErrClosed after Close, else what
// ended it.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Broker gives the name and URL that the broker announced itself with; both
// are empty until it has.
func (c *Conn) Broker() (name, url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broker == nil {
		return "", ""
	}
	return c.broker.Name, c.broker.URL
}

// BrokerID is the broker's identifier, which is another each time that one
// starts to serve; it is empty until the broker has announced itself.
func (c *Conn) BrokerID() message.BrokerID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broker == nil {
		return ""
	}
	return c.broker.ID
}

// Close takes leave of the broker, waiting for its answer until ctx ends, and
// ends every goroutine of the connection. Sessions of the connection end with
// it; a transaction in progress is rolled back, and what is acknowledged in
// batches may come again unless the session is closed first.
func (c *Conn) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.shut || c.err != nil {
		c.mu.Unlock()
		<-c.finished
		return nil
	}
	c.shut = true
	l := c.link
	last := message.LastDeliveredUnset
	for _, consumer := range c.consumers {
		last = max(last, consumer.lastDelivered.Load())
	}
	c.mu.Unlock()
	var err error
	if l != nil {
		ctx, cancel := limited(ctx, delayOr(c.target.options.CloseTimeout, defaultCloseTimeout))
		defer cancel()
		_, err = c.call(ctx, remove(c.info.ID, last))
		if err == nil {
			_ = l.out.force(openwire.Header{CommandID: c.commandID.Add(1)}, &openwire.Shutdown{})
		}
	}
	c.abandon()
	return unlessGone(err)
}

// unlessGone drops errors that say that what was to be closed is gone.
func unlessGone(err error) error {
	if errors.Is(err, ErrConnectionLost) || errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

// abandon ends the connection without a word.
func (c *Conn) abandon() {
	c.mu.Lock()
	c.shut = true
	l := c.link
	c.mu.Unlock()
	c.end()
	if l != nil {
		l.out.close()
		_ = l.nc.SetWriteDeadline(time.Now().Add(leaveTime))
	}
	<-c.finished
}

// present is the link in use, nil between two.
func (c *Conn) present() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

const defaultCloseTimeout = 15 * time.Second // ActiveMQ: closeTimeout

// leaveTime is how long a peer that does not read can hold up the end of a
// connection.
const leaveTime = time.Second

// waitLink returns the present link; without one it waits for the next.
func (c *Conn) waitLink(ctx context.Context) (*link, error) {
	for {
		c.mu.Lock()
		l, err, changed := c.link, c.err, c.changed
		c.mu.Unlock()
		if l != nil || err != nil {
			return l, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// waitNext waits until the present link is not l.
func (c *Conn) waitNext(ctx context.Context, l *link) error {
	for {
		c.mu.Lock()
		now, err, changed := c.link, c.err, c.changed
		c.mu.Unlock()
		if now != l || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Conn) notifyLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}
