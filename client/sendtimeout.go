package client

import (
	"context"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/message"
)

// The failover option timeout bounds how long a send waits while no broker
// serves; reconnecting goes on. (ActiveMQ: FailoverTransport.timeout)

// timeSends begins to count that time for the sends whose answer a lost link
// still owed. stop ends it.
func (c *Conn) timeSends() (stop func()) {
	fo := c.target.failover
	if fo == nil || fo.timeout <= 0 {
		return func() {}
	}
	t := time.AfterFunc(fo.timeout, c.giveUpSends)
	return func() { t.Stop() }
}

// giveUpSends fails the sends that wait, unless there is a link by now.
func (c *Conn) giveUpSends() {
	c.mu.Lock()
	var late []*request
	if c.link == nil {
		for id, r := range c.pending {
			if _, is := r.cmd.(*message.Message); is {
				late = append(late, r)
				delete(c.pending, id)
			}
		}
	}
	c.mu.Unlock()
	for _, r := range late {
		r.finish(answer{err: c.sendTimeout()})
	}
}

func (c *Conn) sendTimeout() error {
	return fmt.Errorf("%w: %v", ErrSendTimeout, c.target.failover.timeout)
}

// awaitBroker is called before a message is sent: while no broker serves it
// waits for one, as long as the option allows. Without the option it does not
// wait.
func (c *Conn) awaitBroker(ctx context.Context) error {
	fo := c.target.failover
	if fo == nil || fo.timeout <= 0 || c.present() != nil {
		return nil
	}
	limit, cancel := context.WithTimeout(ctx, fo.timeout)
	defer cancel()
	_, err := c.waitLink(limit)
	if err != nil && limit.Err() != nil && ctx.Err() == nil {
		return c.sendTimeout()
	}
	return err
}
