package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/ledger"
	"github.com/conclavemq/conclave/message"
)

var destination = message.NewQueue("CONCLAVE.CHAOS")

// clients send and receive all the time. Each producer and consumer has a
// goroutine and a connection of its own.
type clients struct {
	url    string
	ledger *ledger.Ledger
	size   int
	pace   time.Duration // between two messages of a producer
	budget atomic.Int64  // messages that may still be sent
	gaps   gaps

	mu     sync.Mutex
	failed error // guarded by mu; the first that a client did not expect
}

// failover is the clients' URL over the nodes.
func failover(nodes []*node) string {
	urls := make([]string, len(nodes))
	for i, n := range nodes {
		urls[i] = "tcp://" + n.address()
	}
	return "failover:(" + strings.Join(urls, ",") + ")?initialReconnectDelay=10&maxReconnectDelay=100&randomize=false"
}

func (c *clients) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
	}
}

func (c *clients) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// produce sends until ctx ends or the budget is used up. A send that ctx cuts
// short has been tried; whether it was stored is open.
func (c *clients) produce(ctx context.Context, name string) {
	if err := c.session(ctx, func(s *client.Session) error {
		p, err := s.Producer(ctx, destination, client.ProducerOptions{})
		if err != nil {
			return err
		}
		for ctx.Err() == nil && c.budget.Add(-1) >= 0 {
			number, body := c.ledger.Next(name, c.size)
			if err := p.Send(ctx, client.NewText(body)); err != nil {
				return err
			}
			c.ledger.Acknowledged(name, number)
			c.gaps.served(time.Now())
			rest(ctx, c.pace)
		}
		return nil
	}); err != nil {
		c.fail(fmt.Errorf("producer %s: %w", name, err))
	}
}

// consume receives until ctx ends.
func (c *clients) consume(ctx context.Context, name string) {
	if err := c.session(ctx, func(s *client.Session) error {
		consumer, err := s.Consumer(ctx, destination, client.ConsumerOptions{})
		if err != nil {
			return err
		}
		for {
			d, err := consumer.Receive(ctx)
			if err != nil {
				return err
			}
			text, err := client.Text(d.Message)
			if err != nil {
				return err
			}
			c.ledger.Delivered(name, text, d.RedeliveryCounter > 0)
		}
	}); err != nil {
		c.fail(fmt.Errorf("consumer %s: %w", name, err))
	}
}

// session runs work in a session of a connection of its own. The end of ctx is
// no error.
func (c *clients) session(ctx context.Context, work func(*client.Session) error) error {
	conn, err := client.Dial(ctx, c.url, client.Options{})
	if err == nil {
		var s *client.Session
		if s, err = conn.Session(ctx, client.AutoAcknowledge); err == nil {
			err = work(s)
		}
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
		defer cancel()
		if failure := conn.Close(closing); err == nil && !errors.Is(failure, context.DeadlineExceeded) {
			err = failure
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// closeLimit bounds how long a client waits to say goodbye.
const closeLimit = 5 * time.Second
