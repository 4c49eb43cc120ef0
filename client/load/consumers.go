package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
)

// Consumers receive from one destination in several sessions.
type Consumers struct {
	Target
	Destination message.Destination
	Options     client.ConsumerOptions
	Mode        client.AckMode
	Count       int64         // messages of each consumer, 0: until ctx ends
	Batch       int           // messages a transaction or acknowledgement, where Mode has such
	Sleep       time.Duration // after each message
	Durable     bool          // each consumer has the durable subscription "consumer-<n>"
	Stamped     bool          // messages are those of Stamped: record their age
	// Idle ends a consumer that has received nothing for so long; 0 never.
	Idle time.Duration
	// Each is called with every message by the consumer of that number; may be
	// nil.
	Each func(consumer int, d message.Delivery) error
	Say  func(text string) // told of what happens, may be nil
	// Ready is called once when all consumers are open; may be nil.
	Ready func()
}

// Run receives until each consumer has received Count messages or ctx ends.
// Worker i of m is consumer i.
func (c *Consumers) Run(ctx context.Context, m *Meter) error {
	if c.Batch < 0 {
		return errBatch
	}
	var opened atomic.Int64
	return c.run(ctx, func(ctx context.Context, i int, conn *client.Conn) error {
		one := consumer{Consumers: c, meter: m, index: i, name: fmt.Sprintf("consumer-%d", i+1)}
		if err := one.open(ctx, conn); err != nil {
			return err
		}
		if opened.Add(1) == int64(c.Parallel) && c.Ready != nil {
			c.Ready()
		}
		return one.work(ctx)
	})
}

// consumer is one of them.
type consumer struct {
	*Consumers
	meter    *Meter
	index    int
	name     string
	session  *client.Session
	in       *client.Consumer
	received int64
	commits  int
}

func (c *consumer) say(format string, args ...any) {
	if c.Say != nil {
		c.Say(c.name + " " + fmt.Sprintf(format, args...))
	}
}

func (c *consumer) open(ctx context.Context, conn *client.Conn) (err error) {
	c.say("wait until %d messages are consumed", c.Count)
	if c.session, err = conn.Session(ctx, c.Mode); err != nil {
		return err
	}
	opts := c.Consumers.Options
	if c.Durable {
		opts.Subscription = c.name
	}
	c.in, err = c.session.Consumer(ctx, c.Destination, opts)
	return err
}

func (c *consumer) work(ctx context.Context) error {
	for c.Count == 0 || c.received < c.Count {
		d, err := c.receive(ctx)
		if errors.Is(err, errIdle) {
			break
		}
		if err != nil {
			return err
		}
		if c.Stamped && c.meter.recording() {
			if took, ok := age(d.Message); ok {
				c.meter.observe(c.index, took)
			}
		}
		if c.Each != nil {
			if err := c.Each(c.index, d); err != nil {
				return err
			}
		}
		c.received++
		if err := c.settle(ctx, d); err != nil {
			return err
		}
		if err := pause(ctx, c.Sleep); err != nil {
			return err
		}
	}
	if err := c.finish(ctx); err != nil {
		return err
	}
	c.say("Consumed: %d messages", c.received)
	err := c.in.Close(ctx)
	c.say("Consumer thread finished")
	return err
}

var errIdle = errors.New("nothing received")

func (c *consumer) receive(ctx context.Context) (message.Delivery, error) {
	if c.Idle <= 0 {
		return c.in.Receive(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, c.Idle)
	defer cancel()
	d, err := c.in.Receive(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = errIdle
	}
	return d, err
}

// settle acknowledges what the mode wants acknowledged now, and counts it.
func (c *consumer) settle(ctx context.Context, d message.Delivery) error {
	full := c.Batch > 0 && c.received%int64(c.Batch) == 0
	switch {
	case c.Mode == client.IndividualAcknowledge:
		if err := c.in.Acknowledge(ctx, d); err != nil {
			return err
		}
	case c.Mode == client.Transacted && full:
		c.say("Committing transaction: %d", c.commits)
		if err := c.session.Commit(ctx); err != nil {
			return err
		}
		c.commits++
	case c.Mode == client.ClientAcknowledge && full:
		c.say("Acknowledging last %d messages; messages so far = %d", c.Batch, c.received)
		if err := c.session.Acknowledge(ctx); err != nil {
			return err
		}
	}
	c.meter.add(c.index)
	return nil
}

// finish settles the last, incomplete batch.
func (c *consumer) finish(ctx context.Context) error {
	switch c.Mode {
	case client.Transacted:
		return c.session.Commit(ctx)
	case client.ClientAcknowledge:
		return c.session.Acknowledge(ctx)
	}
	return nil
}
