package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/conclavemq/conclave/message"
)

// aside is what waits to be delivered again while other messages pass.
// (ActiveMQ: nonBlockingRedelivery)
type aside struct {
	due time.Time
	run []delivery
}

// redeliver puts what was given out and not acknowledged back to the front of
// the queue, or gives it up when it has been delivered too often; cause may be
// nil. The first time, the broker is not told: it counts a delivery itself
// when the consumer goes. (ActiveMQ: ActiveMQMessageConsumer.rollback)
func (c *Consumer) redeliver(ctx context.Context, cause error) error {
	c.refresh()
	c.joined = nil
	if len(c.delivered) == 0 {
		return nil
	}
	before := c.delivered[len(c.delivered)-1].RedeliveryCounter
	for i := range c.delivered {
		c.delivered[i].RedeliveryCounter++
	}
	back := c.delivered
	c.delivered = nil
	c.unreported = max(0, c.unreported-len(back))
	if c.policy.exceeded(before + 1) {
		c.delay = 0
		text := fmt.Sprintf("Delivery[%d] exceeds redelivery policy limit:%s, cause:%v", before+1, &c.policy, nullable{cause})
		return c.poison(ctx, back, text, cause)
	}
	c.delay = c.policy.next(c.delay, before > 0)
	if before > 0 {
		if err := c.ack(ctx, message.RedeliveredAck, back, message.TransactionID{}); err != nil {
			return err
		}
	}
	due := time.Now().Add(c.delay)
	if c.session.conn.target.options.NonBlockingRedelivery && c.delay > 0 {
		c.aside = append(c.aside, aside{due, back})
		return nil
	}
	c.queue = append(back, c.queue[c.next:]...)
	c.next = 0
	c.notBefore = due
	return nil
}

// nullable prints nil as Java does.
type nullable struct{ error }

func (n nullable) String() string {
	if n.error == nil {
		return "null"
	}
	return n.error.Error()
}

// ripen puts what is due back to the front of the queue and says when the next
// is; zero: never.
func (c *Consumer) ripen(now time.Time) (next time.Time) {
	for i := 0; i < len(c.aside); {
		a := c.aside[i]
		if a.due.After(now) {
			if next.IsZero() || a.due.Before(next) {
				next = a.due
			}
			i++
			continue
		}
		c.queue = append(slices.Clip(a.run), c.queue[c.next:]...)
		c.next = 0
		c.aside = slices.Delete(c.aside, i, i+1)
	}
	return next
}

// poison gives messages up: the broker makes dead letters of them, which carry
// text as their cause.
func (c *Consumer) poison(ctx context.Context, run []delivery, text string, cause error) error {
	last := &run[len(run)-1]
	why := &message.Throwable{Class: "java.lang.Throwable", Message: text}
	if cause != nil {
		why.Cause = &message.Throwable{Class: "java.lang.RuntimeException", Message: cause.Error()}
	}
	return c.sendAck(ctx, last.link, &message.Ack{
		Type:        message.PoisonAck,
		Count:       int32(len(run)),
		Destination: last.Destination,
		Consumer:    c.info.ID,
		First:       run[0].Message.ID,
		Last:        last.Message.ID,
		PoisonCause: why,
	})
}

// worn reports whether d comes with more deliveries behind it than the policy
// allows, which a transacted session does not give out. What the broker's
// redelivery plugin has sent again is counted there. (ActiveMQ:
// redeliveryExceeded, preDispatchCheck)
func (c *Consumer) worn(d *delivery) bool {
	if c.session.mode != Transacted || c.policy.NoPreDispatch || !c.policy.exceeded(d.RedeliveryCounter) {
		return false
	}
	_, plugin, err := d.Message.Property("redeliveryDelay")
	return err != nil || !plugin
}
