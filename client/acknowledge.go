package client

import (
	"context"
	"slices"

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
	if len(c.delivered) == 0 || !tx.IsZero() && c.session.conn.target.options.TransactedIndividualAck {
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
	c.delay = 0
}

// ackedRing remembers the messages that were acknowledged last, since the
// acknowledgements are lost with a link that had not sent them.
type ackedRing struct {
	depth    int
	keys     []message.MessageKey
	next     int
	suspects map[message.MessageKey]struct{} // nil until a link was lost
}

// remember notes an acknowledgement that failover may lose.
func (c *Consumer) remember(id message.MessageID) {
	if c.session.conn.target.failover != nil && c.acked.depth > 0 {
		c.acked.add(id)
	}
}

// dealtWith notes a message that an application is done with and whose link has
// been lost meanwhile: it can be acknowledged when it comes again, alone.
func (c *Consumer) dealtWith(id message.MessageID) {
	c.remember(id)
	if c.acked.suspects != nil {
		c.acked.suspects[id.Key()] = struct{}{}
	}
}

// auditDepth is how many acknowledgements are remembered, 0: none.
func (o *Options) auditDepth() int {
	switch {
	case o.NoDuplicateCheck:
		return 0
	case o.AuditDepth > 0:
		return o.AuditDepth
	}
	return 2048 // as ActiveMQ
}

func (r *ackedRing) add(id message.MessageID) {
	if len(r.keys) < r.depth {
		r.keys = append(r.keys, id.Key())
		return
	}
	r.keys[r.next] = id.Key()
	r.next = (r.next + 1) % r.depth
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
