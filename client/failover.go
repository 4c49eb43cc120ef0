package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// supervise waits for each link's end and makes the next one, until the
// connection is closed or may not be made again.
func (c *Conn) supervise(l *link) {
	defer close(c.finished)
	for {
		<-l.done
		err := fmt.Errorf("%s: %w: %w", l.endpoint, ErrConnectionLost, l.err)
		again := c.detach(err)
		if !again {
			return
		}
		c.log.Warn("connection lost, connecting again", "broker", l.endpoint.String(), "error", l.err)
		next, err := c.reconnect(l)
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
func (c *Conn) detach(err error) bool {
	c.mu.Lock()
	if c.shut {
		err = ErrClosed
	}
	if c.shut || c.target.failover == nil || c.target.failover.maxAttempts == 0 {
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
}

// reconnect makes the next link after lost and tells its broker everything.
func (c *Conn) reconnect(lost *link) (*link, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with ctx at the latest
		select {
		case <-c.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	l, err := c.connect(ctx, lost)
	if errors.Is(err, context.Canceled) {
		err = ErrClosed
	}
	return l, err
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
	attempts := fo.maxAttempts
	if lost == nil && fo.startupMaxAttempts >= 0 {
		attempts = max(fo.startupMaxAttempts, 1)
	}
	delay := fo.initialReconnectDelay
	if lost != nil {
		if err := sleep(ctx, delay); err != nil {
			return nil, err
		}
	}
	for round := 1; ; round++ {
		var failure error
		for _, e := range c.order(lost) {
			l, err := c.attach(ctx, e, lost)
			if err == nil {
				return l, nil
			}
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%w (%w)", ctx.Err(), err)
			}
			failure = err
		}
		if round%warnEvery == 1 {
			c.log.Warn("no broker serves, trying again", "brokers", len(c.target.endpoints), "rounds", round, "error", failure)
		}
		if attempts >= 0 && round >= attempts {
			return nil, fmt.Errorf("%w: %d attempts: %w", ErrConnectionLost, round, failure)
		}
		if err := sleep(ctx, delay); err != nil {
			return nil, fmt.Errorf("%w (%w)", err, failure)
		}
		delay = fo.after(delay)
	}
}

// warnEvery is how many rounds pass between warnings. (ActiveMQ:
// warnAfterReconnectAttempts)
const warnEvery = 10

// after gives the delay that follows a delay.
func (fo *failoverOptions) after(delay time.Duration) time.Duration {
	if !fo.exponentialBackOff {
		return delay
	}
	return min(time.Duration(float64(delay)*fo.backOffMultiplier), fo.maxReconnectDelay)
}

// order lists the brokers in the order to try them.
func (c *Conn) order(lost *link) []endpoint {
	list := slices.Clone(c.target.endpoints)
	if c.target.failover.randomize {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	if lost != nil {
		slices.SortStableFunc(list, func(a, b endpoint) int {
			return boolInt(a.address == lost.endpoint.address) - boolInt(b.address == lost.endpoint.address)
		})
	}
	return list
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// attach makes a link to one broker, restores the connection's state there
// after a lost link, and starts the link.
func (c *Conn) attach(ctx context.Context, e endpoint, lost *link) (*link, error) {
	l, err := c.openLink(ctx, e)
	if err != nil {
		return nil, err
	}
	if lost != nil {
		if err := c.restore(l); err != nil {
			l.nc.Close()
			return nil, err
		}
	}
	l.run(c.handler(l))
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
