package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// Receive waits for the next message until ctx ends. With AutoAcknowledge it
// is acknowledged when Receive returns. A browser's end is a delivery without
// a message. (JMS: MessageConsumer.receive)
func (c *Consumer) Receive(ctx context.Context) (message.Delivery, error) {
	d, err := c.following(ctx, true)
	if err != nil || d.Message == nil {
		return d.Delivery, err
	}
	return d.Delivery, c.give(ctx, d)
}

// TryReceive is Receive without waiting for a message; ok is false where there
// is none. A consumer without prefetch asks the broker, and waits for its
// answer. (JMS: MessageConsumer.receiveNoWait)
func (c *Consumer) TryReceive(ctx context.Context) (d message.Delivery, ok bool, err error) {
	one, err := c.following(ctx, false)
	if errors.Is(err, errNothing) {
		return message.Delivery{}, false, nil
	}
	if err != nil || one.Message == nil {
		return message.Delivery{}, false, err
	}
	return one.Delivery, true, c.give(ctx, one)
}

// errNothing: no message is there.
var errNothing = errors.New("no message")

// following takes the next delivery that is to be given out; those that are
// not are acknowledged as what they are.
func (c *Consumer) following(ctx context.Context, wait bool) (delivery, error) {
	for {
		d, err := c.take(ctx, wait)
		if err != nil {
			return delivery{}, err
		}
		c.pulling = false
		if d.Message == nil { // the end of a browse, or of a pull
			if c.info.Browser {
				return d, nil
			}
			if !wait {
				return delivery{}, errNothing
			}
			continue
		}
		pass, err := c.sift(ctx, &d)
		if err != nil {
			return delivery{}, err
		}
		if pass {
			return d, nil
		}
	}
}

// sift reports whether d is to be given out.
func (c *Consumer) sift(ctx context.Context, d *delivery) (bool, error) {
	switch {
	case d.Message.Expiration > 0 && !c.session.conn.target.options.KeepExpired && d.Message.Expired(time.Now().UnixMilli()):
		return false, c.ack(ctx, message.ExpiredAck, []delivery{*d}, message.TransactionID{})
	case c.acked.again(d.Message.ID):
		// It was given out and acknowledged before a link was lost, and the
		// acknowledgement with it.
		return false, c.ack(ctx, message.IndividualAck, []delivery{*d}, message.TransactionID{})
	case c.worn(d):
		text := fmt.Sprintf("Dispatch[%d] to %s exceeds redelivery policy limit:%s", d.RedeliveryCounter, c.info.ID, &c.policy)
		return false, c.poison(ctx, []delivery{*d}, text, nil)
	}
	return true, nil
}

// take returns the next delivery.
func (c *Consumer) take(ctx context.Context, wait bool) (delivery, error) {
	for {
		if err := c.fill(ctx, wait); err != nil {
			return delivery{}, err
		}
		if left := time.Until(c.notBefore); !c.notBefore.IsZero() && left > 0 {
			if !wait {
				return delivery{}, errNothing
			}
			if err := sleep(ctx, left); err != nil {
				return delivery{}, err
			}
		}
		c.notBefore = time.Time{}
		if c.refresh(); c.next == len(c.queue) {
			continue // a link was lost meanwhile
		}
		if c.session.conn.target.options.PriorityOrder {
			c.sort()
		}
		d := c.queue[c.next]
		c.queue[c.next] = delivery{}
		c.next++
		return d, nil
	}
}

// sort has what is most urgent come first. (ActiveMQ: messagePrioritySupported)
func (c *Consumer) sort() {
	c.mu.Lock()
	if len(c.arrived) > 0 {
		c.queue = append(c.queue[c.next:], c.arrived...)
		c.next = 0
		clear(c.arrived)
		c.arrived = c.arrived[:0]
	}
	c.mu.Unlock()
	slices.SortStableFunc(c.queue[c.next:], func(a, b delivery) int { return urgency(b) - urgency(a) })
}

func urgency(d delivery) int {
	if d.Message == nil {
		return -1
	}
	return int(d.Message.Priority)
}

// fill waits until the queue has something.
func (c *Consumer) fill(ctx context.Context, wait bool) error {
	for {
		c.refresh()
		var due time.Time
		if len(c.aside) > 0 {
			due = c.ripen(time.Now())
		}
		if c.next < len(c.queue) {
			return nil
		}
		if c.batches && len(c.delivered) > 0 && !c.arrives() {
			if err := c.acknowledgeAll(ctx, message.TransactionID{}); err != nil {
				return err
			}
		}
		asked, err := c.pull(ctx, wait)
		if err != nil {
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
		if !wait && !asked {
			c.mu.Unlock()
			return errNothing
		}
		c.waiting = true
		c.mu.Unlock()
		if err := c.await(ctx, due); err != nil {
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

// await waits for a signal, until due if that is not zero.
func (c *Consumer) await(ctx context.Context, due time.Time) error {
	var expired <-chan struct{}
	if !due.IsZero() {
		var stop func()
		expired, stop = after(time.Until(due))
		defer stop()
	}
	select {
	case <-c.wake:
		return nil
	case <-expired:
	case <-ctx.Done():
	}
	c.stopWaiting()
	return ctx.Err()
}

// stopWaiting takes back that somebody waits, and the signal if it has come.
func (c *Consumer) stopWaiting() {
	c.mu.Lock()
	signalled := !c.waiting
	c.waiting = false
	c.mu.Unlock()
	if signalled {
		<-c.wake
	}
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
	c.seen, c.others = losses, 0
	if len(c.delivered) > 0 {
		c.session.spoil()
		if c.lost == nil {
			c.lost = map[message.MessageKey]struct{}{}
		}
		for i := range c.delivered {
			c.lost[c.delivered[i].Message.ID.Key()] = struct{}{}
		}
	}
	c.queue, c.next, c.aside = nil, 0, nil
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

// pull asks for a message where nothing is prefetched, and reports whether the
// broker owes an answer; without wait it answers in any case.
func (c *Consumer) pull(ctx context.Context, wait bool) (asked bool, err error) {
	if c.prefetch.Load() > 0 || c.info.PrefetchSize > 0 {
		return false, nil
	}
	if c.pulling {
		return !c.standing, nil
	}
	c.pulling, c.standing = true, wait
	pull := &message.Pull{Consumer: c.info.ID, Destination: c.info.Destination}
	if !wait {
		pull.TimeoutMS = -1
	}
	return true, c.session.conn.post(ctx, pull)
}

// give notes that d goes to the application and acknowledges it as the mode
// says. (ActiveMQ: ActiveMQMessageConsumer.afterMessageIsConsumed)
func (c *Consumer) give(ctx context.Context, d delivery) error {
	c.lastDelivered.Store(d.Message.ID.BrokerSequence)
	if len(c.lost) > 0 {
		c.comes(d.Message.ID)
	}
	switch c.session.mode {
	case AutoAcknowledge:
		if c.batches {
			return c.gather(ctx, d, 65)
		}
		c.remember(d.Message.ID)
		one := [1]delivery{d}
		return c.ack(ctx, message.StandardAck, one[:], message.TransactionID{})
	case Transacted:
		tx, err := c.join(ctx)
		if err != nil {
			return err
		}
		c.delivered = append(c.delivered, d)
		if c.session.conn.target.options.TransactedIndividualAck {
			return c.ack(ctx, message.IndividualAck, []delivery{d}, tx.id)
		}
		return c.report(ctx, tx.id)
	case DupsOKAcknowledge:
		return c.gather(ctx, d, 50)
	}
	c.delivered = append(c.delivered, d)
	return c.report(ctx, message.TransactionID{})
}

// gather acknowledges in batches: at a part of the prefetch, or in time.
func (c *Consumer) gather(ctx context.Context, d delivery, percent int) error {
	c.delivered = append(c.delivered, d)
	full := 100*len(c.delivered) >= percent*int(c.prefetch.Load())
	if !full && c.session.mode == AutoAcknowledge {
		limit := delayOr(c.session.conn.target.options.OptimizeAcknowledgeTimeout, optimizeTimeout)
		full = limit > 0 && !c.ackedAt.IsZero() && time.Since(c.ackedAt) >= limit
	}
	if !full {
		return nil
	}
	c.ackedAt = time.Now()
	return c.acknowledgeAll(ctx, message.TransactionID{})
}

const optimizeTimeout = 300 * time.Millisecond // ActiveMQ: optimizeAcknowledgeTimeOut

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
	if conn.target.options.SyncAcks && conn.present() == l {
		own := *ack
		_, err := conn.call(ctx, &own)
		return err
	}
	err := l.out.put(ctx, openwire.Header{CommandID: conn.commandID.Add(1)}, ack)
	if errors.Is(err, errLinkDown) {
		if conn.target.failover != nil {
			return nil // the message comes again
		}
		return fmt.Errorf("acknowledge: %w", ErrConnectionLost)
	}
	return err
}
