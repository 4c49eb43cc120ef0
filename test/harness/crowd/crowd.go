package crowd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// The queues of the load.
var (
	plain  = message.NewQueue("PLAIN")  // sent one by one, consumed one by one and in transactions
	bulk   = message.NewQueue("BULK")   // sent and consumed in transactions
	inbox  = message.NewQueue("INBOX")  // passed on to outbox, each in a transaction
	outbox = message.NewQueue("OUTBOX") // consumed one by one
)

// pace is what a worker waits between two requests: the load is there to be
// disturbed, not to be fast.
const pace = 15 * time.Millisecond

// patience is far above what anything here takes on a loaded machine.
const patience = 40 * time.Second

// bodySize is how long a message's body is, bytes.
const bodySize = 700

// Crowd is the clients under way.
type Crowd struct {
	t         *testing.T
	history   *harness.History
	random    *rand.Rand // of the goroutine that starts workers
	tolerant  atomic.Bool
	refused   atomic.Int32
	producing context.Context
	consuming context.Context
	halt      [2]context.CancelFunc // of producing and consuming
	abandon   context.CancelFunc    // of requests under way
	asking    context.Context
	producers sync.WaitGroup
	consumers sync.WaitGroup
}

// Start starts the clients on a failover URL; the test ends them at the latest.
func Start(t *testing.T, url string, history *harness.History, random *rand.Rand) *Crowd {
	t.Helper()
	c := &Crowd{t: t, history: history, random: random}
	c.producing, c.halt[0] = context.WithCancel(context.Background())
	c.consuming, c.halt[1] = context.WithCancel(context.Background())
	c.asking, c.abandon = context.WithCancel(context.Background())
	t.Cleanup(func() {
		c.halt[0]()
		c.halt[1]()
		c.abandon()
		c.producers.Wait()
		c.consumers.Wait()
	})
	c.AddProducer(url, "p0")
	c.AddProducer(url, "p1")
	c.start(&c.producers, url, "in", func(w *worker) { w.produce(c.producing, inbox) })
	c.start(&c.producers, url, "tx", func(w *worker) { w.produceUnits(c.producing, bulk) })
	c.start(&c.consumers, url, "c0", func(w *worker) { w.consume(c.consuming, plain) })
	c.start(&c.consumers, url, "c1", func(w *worker) { w.consumeUnits(c.consuming, plain) })
	c.start(&c.consumers, url, "c2", func(w *worker) { w.consumeUnits(c.consuming, bulk) })
	c.start(&c.consumers, url, "pass0", func(w *worker) { w.pass(c.consuming) })
	c.start(&c.consumers, url, "pass1", func(w *worker) { w.pass(c.consuming) })
	c.start(&c.consumers, url, "c3", func(w *worker) { w.consume(c.consuming, outbox) })
	return c
}

// AddProducer adds one more that sends to the first queue.
func (c *Crowd) AddProducer(url, name string) {
	c.t.Helper()
	c.start(&c.producers, url, name, func(w *worker) { w.produce(c.producing, plain) })
}

func (c *Crowd) start(crowd *sync.WaitGroup, url, name string, run func(*worker)) {
	c.t.Helper()
	conn, err := client.Dial(within(c.t), url, client.Options{})
	require.NoError(c.t, err)
	w := &worker{crowd: c, name: name, conn: conn, ctx: c.asking, random: rand.New(rand.NewPCG(c.random.Uint64(), 1))}
	crowd.Go(func() {
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			_ = w.conn.Close(ctx)
		}()
		run(w)
	})
}

// Tolerate has clients fail without failing the test.
func (c *Crowd) Tolerate() { c.tolerant.Store(true) }

// Refused is how many sends failed for want of space.
func (c *Crowd) Refused() int { return int(c.refused.Load()) }

// GoesOn waits for n more confirmed requests.
func (c *Crowd) GoesOn(n int) {
	c.t.Helper()
	since := time.Now()
	require.True(c.t, harness.Eventually(patience, func() bool { return c.history.Answers(since) >= n }),
		"only %d of %d requests are confirmed", c.history.Answers(since), n)
}

// StopProducers lets the producers have their last answers.
func (c *Crowd) StopProducers() {
	c.t.Helper()
	c.halt[0]()
	c.join(&c.producers, "producers")
}

// StopConsumers ends the consumers, whatever is left in the queues.
func (c *Crowd) StopConsumers() {
	c.t.Helper()
	c.halt[1]()
	c.join(&c.consumers, "consumers")
}

// Abandon ends the producers and all requests under way.
func (c *Crowd) Abandon() {
	c.halt[0]()
	c.abandon()
}

// End lets the producers have their last answers and the consumers receive
// what is there.
func (c *Crowd) End() {
	c.t.Helper()
	c.StopProducers()
	harness.Eventually(patience, func() bool {
		quiet := c.history.Quiet()
		return c.history.Missing() == 0 && quiet > 200*time.Millisecond || quiet > 5*time.Second
	})
	c.StopConsumers()
}

func (c *Crowd) join(crowd *sync.WaitGroup, who string) {
	c.t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); crowd.Wait() }()
	select {
	case <-done:
	case <-time.After(patience):
		c.abandon()
		<-done
		c.t.Errorf("%s have no answer", who)
	}
}

// Drain consumes what is left in the queues, in one transaction each.
func (c *Crowd) Drain(url string) {
	c.t.Helper()
	for i, queue := range []message.Destination{plain, bulk, inbox, outbox} {
		conn, err := client.Dial(within(c.t), url, client.Options{})
		require.NoError(c.t, err)
		w := &worker{crowd: c, name: fmt.Sprint("drain", i), conn: conn, ctx: within(c.t)}
		session, consumer, ok := w.consumer(client.Transacted, queue)
		require.True(c.t, ok)
		unit := c.history.Begin()
		for came := true; came; {
			_, came = w.receive(w.ctx, consumer, unit, 200*time.Millisecond)
		}
		require.True(c.t, w.commit(session, unit))
		require.NoError(c.t, conn.Close(w.ctx))
	}
}

// within gives a context that ends with the test at the latest.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
