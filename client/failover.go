package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// supervise waits for each link's end, or for a reason to leave it, and makes
// the next one, until the connection is closed or may not be made again. life
// ends with Close.
func (c *Conn) supervise(life context.Context, l *link) {
	defer close(c.finished)
	defer c.helpers.Wait()
	defer c.end()
	for {
		better := c.watch(life, l)
		err := errMoved
		if better != nil {
			c.leave(l)
		} else {
			err = fmt.Errorf("%s: %w: %w", l.endpoint, ErrConnectionLost, l.err)
		}
		if !c.detach(l, err) {
			if better != nil {
				better.abort()
			}
			return
		}
		if better == nil {
			c.log.Warn("connection lost, connecting again", "broker", l.endpoint.String(), "error", l.err)
		}
		next, err := c.reconnect(life, l, better)
		if err != nil {
			c.fail(err)
			return
		}
		c.log.Info("connected again", "broker", next.endpoint.String())
		l = next
	}
}

// detach takes a dead link out of use and says whether another is wanted. If
// not, the connection has failed with err.
func (c *Conn) detach(l *link, err error) bool {
	c.mu.Lock()
	if c.shut {
		err = ErrClosed
	}
	moved := errors.Is(err, errMoved)
	if c.shut || c.target.failover == nil || c.target.failover.maxAttempts == 0 && !moved {
		c.mu.Unlock()
		c.fail(err)
		return false
	}
	c.link = nil
	c.losses++
	for _, s := range c.sessions {
		s.interruptLocked()
	}
	for _, consumer := range c.consumers {
		consumer.interrupt()
	}
	for _, p := range c.producers {
		p.window.reset()
	}
	c.notifyLocked()
	c.mu.Unlock()
	if !moved {
		c.addresses.failed(l.endpoint)
	}
	if told := c.target.options.Transport.Interrupted; told != nil {
		told(err)
	}
	return true
}

// fail ends the connection: whoever waits is told err.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.shut {
		err = ErrClosed
	}
	c.err = err
	c.link = nil
	waiting := c.pendingLocked()
	clear(c.pending)
	for _, consumer := range c.consumers {
		consumer.end(err)
	}
	for _, p := range c.producers {
		p.window.fail(err)
	}
	c.notifyLocked()
	c.mu.Unlock()
	for _, r := range waiting {
		r.finish(answer{err: err})
	}
	if told := c.target.options.Transport.Exception; told != nil && !errors.Is(err, ErrClosed) {
		told(err)
	}
}

// reconnect makes the next link after lost, of candidate if that is not nil,
// and tells its broker everything.
func (c *Conn) reconnect(life context.Context, lost, candidate *link) (*link, error) {
	defer c.timeSends()()
	next := c.adopt(lost, candidate, c.standby.take(false))
	if next == nil {
		var err error
		next, err = c.connect(life, lost)
		if errors.Is(err, context.Canceled) {
			err = ErrClosed
		}
		if err != nil {
			return nil, err
		}
	}
	c.connected(next)
	return next, nil
}

// adopt takes the first of the links, opened before, that can be made the
// connection's, and ends the others.
func (c *Conn) adopt(lost *link, candidates ...*link) (adopted *link) {
	for _, l := range candidates {
		switch {
		case l == nil:
		case adopted == nil && c.take(l) == nil:
			adopted = l
		default:
			l.abort()
		}
	}
	return adopted
}

// take makes a link that was opened before the connection's.
func (c *Conn) take(l *link) error {
	l.serve(c.handler(l))
	if info := l.broker.Load(); info != nil {
		c.introduce(info)
	}
	return c.restore(l)
}

// connected is called with each link that has become the connection's.
func (c *Conn) connected(l *link) {
	c.addresses.settled()
	c.standby.stir()
	if told := c.target.options.Transport.Resumed; told != nil {
		told(l.endpoint.String())
	}
}

// connect tries the brokers in turn, round after round, as the failover
// options say; without failover it tries once. After a lost link it waits
// before the first try too, and comes to that broker last. (ActiveMQ:
// FailoverTransport.doReconnect)
func (c *Conn) connect(ctx context.Context, lost *link) (*link, error) {
	fo := c.target.failover
	if fo == nil {
		return c.attach(ctx, c.target.endpoints[0], lost)
	}
	attempts, delay := fo.attempts(lost != nil), fo.first(lost != nil)
	if lost != nil {
		if err := sleep(ctx, delay); err != nil {
			return nil, err
		}
		delay = fo.after(delay)
	}
	for round := 1; ; round++ {
		c.readDocument(ctx)
		c.rebalance.Store(false) // what is chosen now is of the newest list
		list := c.addresses.list()
		failure := errNoBroker
		for _, e := range list {
			l, err := c.attach(ctx, e, lost)
			if err == nil {
				return l, nil
			}
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%w (%w)", ctx.Err(), err)
			}
			failure = err
		}
		if attempts >= 0 && round >= attempts {
			return nil, fmt.Errorf("%w: %d attempts: %w", ErrConnectionLost, round, failure)
		}
		if fo.warnAfter > 0 && (round == 1 || round%fo.warnAfter == 0) {
			c.log.Warn("no broker serves, trying again", "brokers", len(list), "rounds", round, "error", failure)
		}
		if err := c.pause(ctx, delay); err != nil {
			return nil, fmt.Errorf("%w (%w)", err, failure)
		}
		delay = fo.after(delay)
	}
}

var (
	errNoBroker = errors.New("no broker is known")
	errMoved    = errors.New("moving to another broker")
)

// pause sleeps between two rounds; a broker that has just been found ends it.
func (c *Conn) pause(ctx context.Context, d time.Duration) error {
	expired, stop := after(d)
	defer stop()
	select {
	case <-expired:
	case <-c.found:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// attach makes a link to one broker, restores the connection's state there
// after a lost link, and starts the link.
func (c *Conn) attach(ctx context.Context, e endpoint, lost *link) (*link, error) {
	l, err := c.openLink(ctx, e)
	if err != nil {
		return nil, err
	}
	l.serve(c.handler(l))
	if lost != nil {
		if err := c.restore(l); err != nil {
			l.nc.Close()
			return nil, err
		}
	}
	l.run()
	return l, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// after is a channel that is closed when d has passed.
func after(d time.Duration) (expired <-chan struct{}, stop func()) {
	ch := make(chan struct{})
	t := time.AfterFunc(d, func() { close(ch) })
	return ch, func() { t.Stop() }
}
