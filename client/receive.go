package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// Receive waits for the next message until ctx ends. With AutoAcknowledge it
// is acknowledged when Receive returns. A browser's end is a delivery without
// a message. (JMS: MessageConsumer.receive)
func (c *Consumer) Receive(ctx context.Context) (message.Delivery, error) {
	for {
		d, err := c.take(ctx)
		if err != nil {
			return message.Delivery{}, err
		}
		c.pulling = false
		if d.Message == nil { // the end of a browse
			if c.info.Browser {
				return d.Delivery, nil
			}
			continue
		}
		if d.Message.Expiration > 0 && d.Message.Expired(time.Now().UnixMilli()) {
			if err := c.ack(ctx, message.ExpiredAck, []delivery{d}, message.TransactionID{}); err != nil {
				return message.Delivery{}, err
			}
			continue
		}
		if c.acked.again(d.Message.ID) {
			// It was given out and acknowledged before a link was lost, and the
			// acknowledgement with it.
			if err := c.ack(ctx, message.IndividualAck, []delivery{d}, message.TransactionID{}); err != nil {
				return message.Delivery{}, err
			}
			continue
		}
		return d.Delivery, c.give(ctx, d)
	}
}

// take returns the next delivery.
func (c *Consumer) take(ctx context.Context) (delivery, error) {
	for {
		if err := c.fill(ctx); err != nil {
			return delivery{}, err
		}
		if wait := time.Until(c.notBefore); !c.notBefore.IsZero() && wait > 0 {
			if err := sleep(ctx, wait); err != nil {
				return delivery{}, err
			}
		}
		c.notBefore = time.Time{}
		if c.refresh(); c.next == len(c.queue) {
			continue // a link was lost meanwhile
		}
		d := c.queue[c.next]
		c.queue[c.next] = delivery{}
		c.next++
		return d, nil
	}
}

// fill waits until the queue has something.
func (c *Consumer) fill(ctx context.Context) error {
	for {
		c.refresh()
		if c.next < len(c.queue) {
			return nil
		}
		if c.session.mode == DupsOKAcknowledge && len(c.delivered) > 0 {
			if !c.arrives() {
				if err := c.acknowledgeAll(ctx, message.TransactionID{}); err != nil {
					return err
				}
			}
		}
		if err := c.pull(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		if len(c.arrived) > 0 {
			c.queue, c.arrived, c.spare = c.arrived, c.spare, c.queue[:0]
			c.next = 0
			c.mu.Unlock()
			continue
		}
		if c.err != nil {
			err := c.err
			c.mu.Unlock()
			return err
		}
		c.waiting = true
		c.mu.Unlock()
		if err := c.await(ctx); err != nil {
			return err
		}
	}
}

// arrives reports whether something has arrived that is not in the queue yet.
func (c *Consumer) arrives() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.arrived) > 0
}

// await waits for a signal.
func (c *Consumer) await(ctx context.Context) error {
	select {
	case <-c.wake:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	signalled := !c.waiting
	c.waiting = false
	c.mu.Unlock()
	if signalled {
		<-c.wake
	}
	return ctx.Err()
}

// refresh drops what came on links that were lost since: all of it comes
// again. A transaction that had some of it cannot be committed.
func (c *Consumer) refresh() {
	c.mu.Lock()
	losses := c.losses
	c.mu.Unlock()
	if losses == c.seen {
		return
	}
	c.seen = losses
	if len(c.delivered) > 0 {
		c.session.spoil()
	}
	c.queue, c.next = nil, 0
	c.delivered, c.unreported = nil, 0
	c.pulling, c.notBefore = false, time.Time{}
	c.acked.suspect()
}

// spoil marks the session's transaction as one that can only be rolled back.
func (s *Session) spoil() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.tx != nil {
		s.tx.rollbackOnly = true
	}
}

// pull asks for a message where nothing is prefetched.
func (c *Consumer) pull(ctx context.Context) error {
	if c.pulling || c.prefetch.Load() > 0 || c.info.PrefetchSize > 0 {
		return nil
	}
	c.pulling = true
	return c.session.conn.post(ctx, &message.Pull{Consumer: c.info.ID, Destination: c.info.Destination})
}

// give notes that d goes to the application and acknowledges it as the mode
// says. (ActiveMQ: ActiveMQMessageConsumer.afterMessageIsConsumed)
func (c *Consumer) give(ctx context.Context, d delivery) error {
	c.lastDelivered = d.Message.ID.BrokerSequence
	switch c.session.mode {
	case AutoAcknowledge:
		c.remember(d.Message.ID)
		one := [1]delivery{d}
		return c.ack(ctx, message.StandardAck, one[:], message.TransactionID{})
	case Transacted:
		tx, err := c.join(ctx)
		if err != nil {
			return err
		}
		c.delivered = append(c.delivered, d)
		return c.report(ctx, tx.id)
	case DupsOKAcknowledge:
		c.delivered = append(c.delivered, d)
		if 2*len(c.delivered) >= int(c.prefetch.Load()) {
			return c.acknowledgeAll(ctx, message.TransactionID{})
		}
		return nil
	}
	c.delivered = append(c.delivered, d)
	return c.report(ctx, message.TransactionID{})
}

// join makes the consumer part of the session's transaction, which then cannot
// be repeated after failover.
func (c *Consumer) join(ctx context.Context) (*transaction, error) {
	tx, err := c.session.begin(ctx)
	if err != nil || tx == c.joined {
		return tx, err
	}
	c.joined = tx
	c.session.conn.mu.Lock()
	tx.unrepeatable = true
	c.session.conn.mu.Unlock()
	return tx, nil
}

// report tells the broker of messages that were given out, once they are half
// of the prefetch, so that more come. (ActiveMQ: ackLater)
func (c *Consumer) report(ctx context.Context, tx message.TransactionID) error {
	c.unreported++
	if 2*c.unreported < int(c.prefetch.Load()) {
		return nil
	}
	last := c.delivered[max(0, len(c.delivered)-c.unreported):]
	c.unreported = 0
	return c.ack(ctx, message.DeliveredAck, last, tx)
}

// ack sends one acknowledgement for a run of deliveries of one link.
func (c *Consumer) ack(ctx context.Context, kind message.AckType, run []delivery, tx message.TransactionID) error {
	first, last := &run[0], &run[len(run)-1]
	c.outgoing = message.Ack{
		Type:        kind,
		Count:       int32(len(run)),
		Destination: last.Destination,
		Transaction: tx,
		Consumer:    c.info.ID,
		First:       first.Message.ID,
		Last:        last.Message.ID,
	}
	return c.sendAck(ctx, last.link, &c.outgoing)
}

func (c *Consumer) sendAck(ctx context.Context, l *link, ack *message.Ack) error {
	conn := c.session.conn
	err := l.out.put(ctx, openwire.Header{CommandID: conn.commandID.Add(1)}, ack)
	if errors.Is(err, errLinkDown) {
		if conn.target.failover != nil {
			return nil // the message comes again
		}
		return fmt.Errorf("acknowledge: %w", ErrConnectionLost)
	}
	return err
}
