package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/conclavemq/conclave/message"
)

// Acknowledge acknowledges one message that Receive returned. It is for
// IndividualAcknowledge; in other modes there is nothing to do. What is not
// waiting for its acknowledgement, as after a failover, is not an error.
func (c *Consumer) Acknowledge(ctx context.Context, d message.Delivery) error {
	if c.session.mode != IndividualAcknowledge || d.Message == nil {
		return nil
	}
	c.refresh()
	key := d.Message.ID.Key()
	i := slices.IndexFunc(c.delivered, func(have delivery) bool { return have.Message.ID.Key() == key })
	if i < 0 {
		return nil
	}
	if err := c.ack(ctx, message.IndividualAck, c.delivered[i:i+1], message.TransactionID{}); err != nil {
		return err
	}
	c.remember(d.Message.ID)
	c.delivered = slices.Delete(c.delivered, i, i+1)
	c.unreported = max(0, c.unreported-1)
	return nil
}

// acknowledgeAll acknowledges everything that was given out, as part of tx if
// that is not null; then it stays in delivered until the transaction's end.
func (c *Consumer) acknowledgeAll(ctx context.Context, tx message.TransactionID) error {
	c.refresh()
	if len(c.delivered) == 0 {
		return nil
	}
	if err := c.ack(ctx, message.StandardAck, c.delivered, tx); err != nil {
		return err
	}
	c.unreported = max(0, c.unreported-len(c.delivered))
	if tx.IsZero() {
		for i := range c.delivered {
			c.remember(c.delivered[i].Message.ID)
		}
		c.committed()
	}
	return nil
}

// committed forgets what was given out.
func (c *Consumer) committed() {
	clear(c.delivered)
	c.delivered = c.delivered[:0]
	c.joined = nil
}

// redeliver puts what was given out and not acknowledged back to the front of
// the queue, or gives it up when it has been delivered too often. (ActiveMQ:
// ActiveMQMessageConsumer.rollback)
func (c *Consumer) redeliver(ctx context.Context) error {
	c.refresh()
	c.joined = nil
	if len(c.delivered) == 0 {
		return nil
	}
	for i := range c.delivered {
		c.delivered[i].RedeliveryCounter++
	}
	kind := message.RedeliveredAck
	count := c.delivered[len(c.delivered)-1].RedeliveryCounter
	limit := c.opts.MaximumRedeliveries
	if limit >= 0 && count > limit {
		kind = message.PoisonAck
	}
	back := c.delivered
	c.delivered = nil
	c.unreported = max(0, c.unreported-len(back))
	if kind == message.PoisonAck {
		return c.poison(ctx, back, count)
	}
	if err := c.ack(ctx, kind, back, message.TransactionID{}); err != nil {
		return err
	}
	c.queue = append(back, c.queue[c.next:]...)
	c.next = 0
	c.notBefore = time.Now().Add(c.opts.RedeliveryDelay)
	return nil
}

func (c *Consumer) poison(ctx context.Context, run []delivery, count int32) error {
	last := &run[len(run)-1]
	text := fmt.Sprintf("Delivery[%d] exceeds redelivery policy limit: %d", count, c.opts.MaximumRedeliveries)
	return c.sendAck(ctx, last.link, &message.Ack{
		Type:        message.PoisonAck,
		Count:       int32(len(run)),
		Destination: last.Destination,
		Consumer:    c.info.ID,
		First:       run[0].Message.ID,
		Last:        last.Message.ID,
		PoisonCause: &message.Throwable{Class: "java.lang.Throwable", Message: text},
	})
}

// ackedRing remembers the messages that were acknowledged last, since the
// acknowledgements are lost with a link that had not sent them.
type ackedRing struct {
	keys     []message.MessageKey
	next     int
	suspects map[message.MessageKey]struct{} // nil until a link was lost
}

// remember notes an acknowledgement that failover may lose.
func (c *Consumer) remember(id message.MessageID) {
	if c.session.conn.target.failover != nil {
		c.acked.add(id)
	}
}

const ackedDepth = 2048 // ActiveMQ: auditDepth

func (r *ackedRing) add(id message.MessageID) {
	if len(r.keys) < ackedDepth {
		r.keys = append(r.keys, id.Key())
		return
	}
	r.keys[r.next] = id.Key()
	r.next = (r.next + 1) % ackedDepth
}

// suspect is called after a loss: what was acknowledged last may come again.
func (r *ackedRing) suspect() {
	r.suspects = make(map[message.MessageKey]struct{}, len(r.keys))
	for _, k := range r.keys {
		r.suspects[k] = struct{}{}
	}
}

func (r *ackedRing) again(id message.MessageID) bool {
	if r.suspects == nil {
		return false
	}
	_, ok := r.suspects[id.Key()]
	return ok
}
