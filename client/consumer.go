package client

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// delivery is a message with the link that it came on: it can be acknowledged
// there alone.
type delivery struct {
	link *link
	message.Delivery
}

// Consumer receives messages. (JMS: MessageConsumer)
type Consumer struct {
	session *Session
	info    message.ConsumerInfo // never changes
	policy  RedeliveryPolicy     // filled; never changes
	batches bool                 // acknowledges several at once; never changes

	prefetch      atomic.Int32
	lastDelivered atomic.Int64 // broker sequence of what was given out last

	mu      sync.Mutex
	arrived []delivery    // guarded by mu; pushed by the reader
	spare   []delivery    // guarded by mu; an emptied slice for arrived
	waiting bool          // guarded by mu; Receive waits on wake
	err     error         // guarded by mu; no more will arrive
	losses  int           // guarded by mu; links lost so far
	wake    chan struct{} // capacity 1

	// The rest belongs to the session's goroutine. A lost link makes it stale,
	// see refresh.
	queue      []delivery // taken from arrived; from next on not given out
	next       int
	seen       int        // losses that were taken notice of
	delivered  []delivery // given out and not acknowledged
	unreported int        // given out since a DeliveredAck last extended the prefetch window
	acked      ackedRing
	outgoing   message.Ack // reused: sending does not keep it
	pulling    bool        // a pull is under way
	standing   bool        // and waits for a message
	joined     *transaction
	delay      time.Duration // of the last redelivery
	notBefore  time.Time     // of the next delivery
	aside      []aside       // what waits to be repeated while others pass
	ackedAt    time.Time     // of the last batch
	closed     bool
	lost       map[message.MessageKey]struct{} // given out, not acknowledged when their link was lost, and not given out again
	others     int                             // given out since the last loss that were not in lost
}

// maxArrived bounds what a broker can make a consumer hold beyond what it was
// asked for.
const maxArrived = 1 << 20

// Consumer opens a consumer. Messages arrive from then on, up to the prefetch.
func (s *Session) Consumer(ctx context.Context, d message.Destination, opts ConsumerOptions) (*Consumer, error) {
	c := s.conn
	s.nextConsumer++
	info, err := s.describe(d, &opts)
	if err != nil {
		return nil, err
	}
	if info.Destination.Kind.IsTemporary() && !info.NetworkSubscription &&
		!strings.HasPrefix(info.Destination.Name, string(c.info.ID)+":") {
		return nil, fmt.Errorf("open consumer of %s: %w", d, ErrForeignTemporary)
	}
	consumer := &Consumer{session: s, info: info, wake: make(chan struct{}, 1),
		policy: c.target.options.policyFor(info.Destination, &opts)}
	consumer.batches = s.mode == DupsOKAcknowledge || info.OptimizedAcknowledge
	consumer.acked.depth = c.target.options.auditDepth()
	consumer.prefetch.Store(consumer.info.PrefetchSize)
	consumer.lastDelivered.Store(message.LastDeliveredUnset)
	c.mu.Lock()
	c.consumers[consumer.info.ID] = consumer
	c.mu.Unlock()
	if _, err := c.register(ctx, &consumer.info, func() { s.consumers[consumer] = struct{}{} }); err != nil {
		c.mu.Lock()
		delete(c.consumers, consumer.info.ID)
		c.mu.Unlock()
		return nil, fmt.Errorf("open consumer of %s: %w", d, err)
	}
	s.order = append(s.order, consumer)
	return consumer, nil
}

// ID is the consumer's identifier.
func (c *Consumer) ID() message.ConsumerID { return c.info.ID }

// push is called by the reader of l with each delivery.
func (c *Consumer) push(l *link, d *message.Delivery) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil
	}
	if len(c.arrived) >= maxArrived {
		return fmt.Errorf("%w: consumer %s has %d messages that it did not ask for", ErrProtocol, c.info.ID, maxArrived)
	}
	c.arrived = append(c.arrived, delivery{link: l, Delivery: *d})
	c.signalLocked()
	return nil
}

func (c *Consumer) signalLocked() {
	if c.waiting {
		c.waiting = false
		c.wake <- struct{}{} // waiting is only set with the channel empty
	}
}

// interrupt drops what came on a lost link: it will come again.
func (c *Consumer) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arrived = nil
	c.losses++
	c.signalLocked()
}

// end is told that nothing more will arrive.
func (c *Consumer) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.signalLocked()
}

// adjust is what the broker says about the consumer.
func (c *Consumer) adjust(control *openwire.ConsumerControl) {
	if control.Close {
		c.end(fmt.Errorf("consumer %s closed by the broker: %w", c.info.ID, ErrClosed))
		return
	}
	if !control.Start && !control.Stop && !control.Flush && control.Prefetch >= 0 {
		c.prefetch.Store(control.Prefetch)
	}
}

// Close takes leave of the broker, which delivers what was not acknowledged to
// others. Within a transaction the consumer's messages are acknowledged as part
// of it first.
func (c *Consumer) Close(ctx context.Context) error {
	if c.closed {
		return nil
	}
	s := c.session
	if s.mode == Transacted && s.tx != nil {
		if err := unlessGone(c.acknowledgeAll(ctx, s.tx.id)); err != nil {
			return err
		}
	}
	expired, stop := after(lostWait)
	defer stop()
	c.regain(ctx, expired)
	c.retire(ctx)
	for i, other := range s.order {
		if other == c {
			s.order = append(s.order[:i], s.order[i+1:]...)
			break
		}
	}
	_, err := s.conn.call(ctx, remove(c.info.ID, c.lastSeen()))
	return unlessGone(err)
}

// lastSeen is what the broker is told, so that it flags what the application
// had. It cannot tell by itself what that had from a broker before it.
func (c *Consumer) lastSeen() int64 {
	if len(c.lost) > 0 {
		return message.LastDeliveredUnknown
	}
	return c.lastDelivered.Load()
}

// lostWait bounds how long a consumer that closes waits for what it had before
// its link was lost.
const lostWait = time.Second

// mayComeAgain bounds how many others come, at least, before what was lost.
const mayComeAgain = 100

// comes takes a message that is given out of what was lost. What was lost is
// older than what is new, and comes first; what has not come before a prefetch of
// others is somebody else's by now.
func (c *Consumer) comes(id message.MessageID) {
	key := id.Key()
	if _, was := c.lost[key]; was {
		delete(c.lost, key)
		return
	}
	if c.others++; c.others > max(int(c.prefetch.Load()), mayComeAgain) {
		c.lost = nil
	}
}

// regain waits, until expired, until what was lost has come again, so that the broker has
// somebody to take it back from, and flags it. The Java client does not, and
// its broker gives another consumer what this one had as if it were new.
func (c *Consumer) regain(ctx context.Context, expired <-chan struct{}) {
	c.refresh()
	if len(c.lost) == 0 || c.session.conn.target.failover == nil {
		return
	}
	for {
		c.mu.Lock()
		there := 0
		for _, list := range [][]delivery{c.queue[c.next:], c.arrived} {
			for i := range list {
				if m := list[i].Message; m != nil {
					if _, was := c.lost[m.ID.Key()]; was {
						there++
					}
				}
			}
		}
		ready := there >= min(len(c.lost), int(c.prefetch.Load())) || c.err != nil
		c.waiting = !ready
		c.mu.Unlock()
		if ready {
			return
		}
		over := false
		select {
		case <-c.wake:
			continue
		case <-expired:
			over = true
		case <-ctx.Done():
			over = true
		}
		c.stopWaiting()
		if over {
			return
		}
	}
}

// retire ends the consumer on this side.
func (c *Consumer) retire(ctx context.Context) {
	if c.closed {
		return
	}
	if c.batches {
		_ = c.acknowledgeAll(ctx, message.TransactionID{})
	}
	c.closed = true
	c.session.conn.unlist(c)
	c.end(fmt.Errorf("consumer %s: %w", c.info.ID, ErrClosed))
}
