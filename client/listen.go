package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/conclavemq/conclave/message"
)

// Messages iterates over what Receive returns, until ctx or the consumer ends:
// the last element is the error. What is given out is acknowledged as with
// Receive; leaving the loop loses nothing that was not given out.
func (c *Consumer) Messages(ctx context.Context) iter.Seq2[message.Delivery, error] {
	return func(yield func(message.Delivery, error) bool) {
		for {
			d, err := c.Receive(ctx)
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// Messages iterates over what Next returns, to the end of the browse.
func (b *Browser) Messages(ctx context.Context) iter.Seq2[*message.Message, error] {
	return func(yield func(*message.Message, error) bool) {
		for {
			m, err := b.Next(ctx)
			if errors.Is(err, io.EOF) || !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Listen calls handle with each message, on the caller's goroutine, until ctx
// or the consumer ends, and returns why. When handle returns nil the message
// has been dealt with: with AutoAcknowledge, DupsOKAcknowledge and
// IndividualAcknowledge it is acknowledged, a Transacted session is committed
// and a ClientAcknowledge session goes on. When it returns an error the message
// is repeated as the redelivery policy says, and at last becomes a dead letter
// that carries the error as its cause; a Transacted session is rolled back. An
// XASession cannot listen. (JMS: MessageListener)
func (c *Consumer) Listen(ctx context.Context, handle func(context.Context, message.Delivery) error) error {
	if c.session.xa != nil {
		return ErrNoBranch
	}
	for {
		d, err := c.following(ctx, true)
		if err != nil {
			return err
		}
		if d.Message == nil {
			return nil // the end of a browse
		}
		if err := c.attend(ctx, d, handle); err != nil {
			return err
		}
	}
}

// attend has one message handled and settles it.
func (c *Consumer) attend(ctx context.Context, d delivery, handle func(context.Context, message.Delivery) error) error {
	switch c.session.mode {
	case Transacted:
		if err := c.give(ctx, d); err != nil {
			return err
		}
		cause := handle(ctx, d.Delivery)
		ctx, cancel := outlast(ctx, settleTime)
		defer cancel()
		if cause != nil {
			return c.session.rollback(ctx, cause)
		}
		if err := c.session.Commit(ctx); !errors.Is(err, ErrRolledBack) {
			return err
		}
		return nil // the message comes again
	case ClientAcknowledge:
		if err := c.give(ctx, d); err != nil {
			return err
		}
		if cause := handle(ctx, d.Delivery); cause != nil {
			return c.redeliver(ctx, cause)
		}
		return nil
	}
	cause := handle(ctx, d.Delivery)
	ctx, cancel := outlast(ctx, settleTime)
	defer cancel()
	c.refresh()
	if cause != nil {
		return c.refuse(ctx, d, cause)
	}
	if d.link != c.session.conn.present() {
		c.dealtWith(d.Message.ID)
		return nil
	}
	if c.session.mode == IndividualAcknowledge {
		c.lastDelivered.Store(d.Message.ID.BrokerSequence)
		c.remember(d.Message.ID)
		return c.ack(ctx, message.IndividualAck, []delivery{d}, message.TransactionID{})
	}
	return c.give(ctx, d)
}

// refuse repeats one message, or gives it up, and no other.
func (c *Consumer) refuse(ctx context.Context, d delivery, cause error) error {
	if d.link != c.session.conn.present() {
		return nil // it comes again by itself
	}
	c.lastDelivered.Store(d.Message.ID.BrokerSequence)
	if c.batches && len(c.delivered) > 0 {
		if err := c.acknowledgeAll(ctx, message.TransactionID{}); err != nil {
			return err
		}
	}
	others := slices.Clone(c.delivered)
	c.delivered = []delivery{d}
	err := c.redeliver(ctx, cause)
	c.delivered = append(others, c.delivered...)
	return err
}

// settleTime is how long Listen goes on settling the last message when its
// context has ended.
const settleTime = 5 * time.Second

// outlast is a context that ends so long after ctx.
func outlast(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		defer cancel()
		_ = sleep(longer, by)
	})
	return longer, func() { stop(); cancel() }
}
