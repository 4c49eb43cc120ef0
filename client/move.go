package client

import (
	"context"
	"time"

	"github.com/conclavemq/conclave/openwire"
)

// watch waits until l has ended, and returns nil, or until there is a link to
// a broker that the connection should move to.
func (c *Conn) watch(life context.Context, l *link) *link {
	for {
		select {
		case <-l.done:
			return nil
		case <-c.moves:
		}
		ctx, cancel := l.context(life)
		better := c.better(ctx, l)
		cancel()
		if better != nil {
			return better
		}
	}
}

// better opens a link to the broker that the connection should rather have: one
// of priority, one that the broker has named, or, when the list of brokers has
// changed, the first of it that serves; nil if l may stay. The new link is
// there before the old one is left, where ActiveMQ leaves first.
func (c *Conn) better(ctx context.Context, l *link) *link {
	if c.addresses.isPriority(l.endpoint) && !c.addresses.isWanted() {
		c.rebalance.Store(false)
		return nil
	}
	if backup := c.standby.take(true); backup != nil {
		return backup
	}
	if !c.rebalance.Swap(false) && !c.addresses.isWanted() {
		return nil
	}
	defer c.addresses.settled()
	for _, e := range c.addresses.list() {
		if c.isPresent(e, l) {
			return nil
		}
		next, err := c.openStandby(ctx, e)
		if err == nil {
			return next
		}
		c.log.Debug("cannot move", "broker", e.String(), "error", err)
	}
	return nil
}

// context ends with parent, with cancel, and with the link.
func (l *link) context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	go func() { // ends with ctx
		select {
		case <-l.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// isPresent reports whether e is the broker that l leads to, by the address of
// either side.
func (c *Conn) isPresent(e endpoint, l *link) bool {
	if same(e, l.endpoint) {
		return true
	}
	_, url := c.Broker()
	own, err := c.target.parseEndpoint(url, lenient)
	return err == nil && same(e, own)
}

// leave ends a link that still serves, as gently as can be within leaveTime:
// new commands wait for the next link, those that were sent are answered, what
// is queued is written.
func (c *Conn) leave(l *link) {
	c.mu.Lock()
	c.link = nil
	c.notifyLocked()
	last := c.commandID.Load()
	c.mu.Unlock()
	expired, stop := after(leaveTime)
	defer stop()
	for c.owed(last) {
		step, cancel := after(leaveStep)
		select {
		case <-step:
		case <-l.done:
		case <-expired:
		}
		cancel()
		if isDone(l.done) || isDone(expired) {
			break
		}
	}
	_ = l.out.force(openwire.Header{CommandID: c.commandID.Add(1)}, &openwire.Shutdown{})
	l.out.close()
	_ = l.nc.SetDeadline(time.Now().Add(leaveTime))
	<-l.done
}

// leaveStep is how often leave looks whether everything is answered.
const leaveStep = 2 * time.Millisecond

func isDone(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// owed reports whether a command up to number last waits for its answer.
func (c *Conn) owed(last int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.pending {
		if id <= last {
			return true
		}
	}
	return false
}

// openStandby opens a link that only lives until it is adopted.
func (c *Conn) openStandby(ctx context.Context, e endpoint) (*link, error) {
	l, err := c.openLink(ctx, e)
	if err != nil {
		return nil, err
	}
	l.onEnd = c.standby.stir
	l.serve(l.idle)
	l.run()
	return l, nil
}
