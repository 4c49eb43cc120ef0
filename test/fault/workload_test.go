//go:build fault

package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// The queues of the workload.
var (
	plain  = message.NewQueue("PLAIN")  // sent one by one, consumed one by one and in transactions
	bulk   = message.NewQueue("BULK")   // sent and consumed in transactions
	inbox  = message.NewQueue("INBOX")  // passed on to outbox, each in a transaction
	outbox = message.NewQueue("OUTBOX") // consumed one by one
)

// pace is what a worker waits between two requests: the load is there to be
// disturbed, not to be fast.
const pace = 15 * time.Millisecond

// workload is a crowd of clients whose every step goes into the history.
type workload struct {
	x         *trial
	producing context.Context
	consuming context.Context
	halt      [2]context.CancelFunc // of producing and consuming
	abandon   context.CancelFunc    // of requests under way
	asking    context.Context
	producers sync.WaitGroup
	consumers sync.WaitGroup
	size      int
}

// startWork starts the clients on a failover URL.
func startWork(x *trial, url string) *workload {
	w := &workload{x: x, size: 700}
	w.producing, w.halt[0] = context.WithCancel(context.Background())
	w.consuming, w.halt[1] = context.WithCancel(context.Background())
	w.asking, w.abandon = context.WithCancel(context.Background())
	x.Cleanup(func() {
		w.halt[0]()
		w.halt[1]()
		w.abandon()
		w.producers.Wait()
		w.consumers.Wait()
	})
	w.start(&w.producers, url, "p0", func(c *worker) { c.produce(w.producing, plain) })
	w.start(&w.producers, url, "p1", func(c *worker) { c.produce(w.producing, plain) })
	w.start(&w.producers, url, "in", func(c *worker) { c.produce(w.producing, inbox) })
	w.start(&w.producers, url, "tx", func(c *worker) { c.produceUnits(w.producing, bulk) })
	w.start(&w.consumers, url, "c0", func(c *worker) { c.consume(w.consuming, plain) })
	w.start(&w.consumers, url, "c1", func(c *worker) { c.consumeUnits(w.consuming, plain) })
	w.start(&w.consumers, url, "c2", func(c *worker) { c.consumeUnits(w.consuming, bulk) })
	w.start(&w.consumers, url, "pass0", func(c *worker) { c.pass(w.consuming) })
	w.start(&w.consumers, url, "pass1", func(c *worker) { c.pass(w.consuming) })
	w.start(&w.consumers, url, "c3", func(c *worker) { c.consume(w.consuming, outbox) })
	return w
}

// worker is one client: a connection of its own.
type worker struct {
	w      *workload
	name   string
	conn   *client.Conn
	random *rand.Rand
	ctx    context.Context // of requests; they outlast the order to end
}

func (w *workload) start(crowd *sync.WaitGroup, url, name string, run func(*worker)) {
	w.x.Helper()
	conn, err := client.Dial(within(w.x.T, patience), url, client.Options{})
	require.NoError(w.x, err)
	c := &worker{w: w, name: name, conn: conn, ctx: w.asking, random: rand.New(rand.NewPCG(w.x.random.Uint64(), 1))}
	crowd.Go(func() {
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			_ = c.conn.Close(ctx)
		}()
		run(c)
	})
}

// end lets the producers have their last answers and the consumers receive
// what is there.
func (w *workload) end() {
	w.x.Helper()
	w.halt[0]()
	w.join(&w.producers, "producers")
	eventually(patience, func() bool {
		quiet := w.x.history.Quiet()
		return w.x.history.Missing() == 0 && quiet > 200*time.Millisecond || quiet > 5*time.Second
	})
	w.halt[1]()
	w.join(&w.consumers, "consumers")
}

func (w *workload) join(crowd *sync.WaitGroup, who string) {
	w.x.Helper()
	done := make(chan struct{})
	go func() { defer close(done); crowd.Wait() }()
	select {
	case <-done:
	case <-time.After(patience):
		w.abandon()
		<-done
		w.x.Errorf("%s have no answer", who)
	}
}

// goesOn waits for n more confirmed requests.
func (w *workload) goesOn(n int) {
	w.x.Helper()
	since := time.Now()
	require.True(w.x, eventually(patience, func() bool { return w.x.history.Answers(since) >= n }),
		"only %d of %d requests are confirmed", w.x.history.Answers(since), n)
}

// failed reports what must not happen to a client that fails over, unless it
// was told to end.
func (c *worker) failed(err error) bool {
	if err == nil {
		return false
	}
	if !c.w.x.tolerant && c.ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		c.w.x.Errorf("%s: %v", c.name, err)
	}
	return true
}

// asked notes that the broker has answered what was asked for at a moment; the
// mastership is known if it was the same then and now.
func (c *worker) asked(master string, at time.Time, delivery bool) {
	if now := c.master(); now != master {
		master = ""
	}
	c.w.x.history.Answered(master, at, delivery)
}

func (c *worker) master() string { return string(c.conn.BrokerID()) }

// rest waits for the pace and reports whether the worker is to go on.
func (c *worker) rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
	case <-time.After(pace/2 + time.Duration(c.random.Int64N(int64(pace)))):
	}
	return ctx.Err() == nil
}

func (c *worker) produce(until context.Context, to message.Destination) {
	session, err := c.conn.Session(c.ctx, client.AutoAcknowledge)
	if c.failed(err) {
		return
	}
	producer, err := session.Producer(c.ctx, to, client.ProducerOptions{})
	if c.failed(err) {
		return
	}
	for c.rest(until) {
		item, body := c.w.x.history.Send(c.name, nil, c.w.size)
		at, master := time.Now(), c.master()
		if err := producer.Send(c.ctx, client.NewText(body)); isNoSpace(err) {
			c.w.x.refused.Add(1)
			continue // it may have been delivered
		} else if c.failed(err) {
			return
		}
		c.w.x.history.Ends(item, harness.Confirmed)
		c.asked(master, at, false)
	}
}

// produceUnits sends in transactions of several, and rolls one in ten back.
func (c *worker) produceUnits(until context.Context, to message.Destination) {
	session, err := c.conn.Session(c.ctx, client.Transacted)
	if c.failed(err) {
		return
	}
	producer, err := session.Producer(c.ctx, to, client.ProducerOptions{})
	if c.failed(err) {
		return
	}
	for c.rest(until) {
		unit := c.w.x.history.Begin()
		spoiled := false
		for range 1 + c.random.IntN(5) {
			_, body := c.w.x.history.Send(c.name, unit, c.w.size)
			if err := producer.Send(c.ctx, client.NewText(body)); errors.Is(err, client.ErrRolledBack) {
				spoiled = true
				break
			} else if c.failed(err) {
				return
			}
		}
		if spoiled || c.random.IntN(10) == 0 {
			if c.failed(session.Rollback(c.ctx)) {
				return
			}
			c.w.x.history.End(unit, harness.Undone)
		} else if !c.commit(session, unit) {
			return
		}
	}
}

// commit ends a unit and reports whether to go on.
func (c *worker) commit(session *client.Session, unit *harness.Unit) bool {
	at, master := time.Now(), c.master()
	err := session.Commit(c.ctx)
	if errors.Is(err, client.ErrRolledBack) {
		c.w.x.history.End(unit, harness.Unknown)
		return true
	}
	if c.failed(err) {
		return false
	}
	c.w.x.history.End(unit, harness.Confirmed)
	c.asked(master, at, false)
	return true
}

// receive waits for the next message; ok is false when the worker is to end or
// nothing comes for a while.
func (c *worker) receive(until context.Context, from *client.Consumer, unit *harness.Unit, limit time.Duration) (item harness.Item, ok bool) {
	ctx, cancel := context.WithTimeout(until, limit)
	defer cancel()
	at, master := time.Now(), c.master()
	d, err := from.Receive(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.failed(err)
		}
		return item, false
	}
	body, err := client.Text(d.Message)
	if c.failed(err) {
		return item, false
	}
	item, err = c.w.x.history.Received(string(c.conn.ID()), body, d.RedeliveryCounter > 0, unit)
	c.asked(master, at, true)
	return item, !c.failed(err)
}

func (c *worker) consumer(mode client.AckMode, from message.Destination) (*client.Session, *client.Consumer, bool) {
	session, err := c.conn.Session(c.ctx, mode)
	if c.failed(err) {
		return nil, nil, false
	}
	consumer, err := session.Consumer(c.ctx, from, client.ConsumerOptions{Prefetch: 10, MaximumRedeliveries: -1, RedeliveryDelay: -1})
	return session, consumer, !c.failed(err)
}

// consume acknowledges each message as it comes.
func (c *worker) consume(until context.Context, from message.Destination) {
	if _, consumer, ok := c.consumer(client.AutoAcknowledge, from); ok {
		for until.Err() == nil {
			c.receive(until, consumer, nil, time.Hour)
		}
	}
}

// consumeUnits acknowledges a few at a time in a transaction.
func (c *worker) consumeUnits(until context.Context, from message.Destination) {
	session, consumer, ok := c.consumer(client.Transacted, from)
	for ok && until.Err() == nil {
		unit := c.w.x.history.Begin()
		n := 0
		for n < 3 {
			if _, came := c.receive(until, consumer, unit, 20*pace); !came {
				break
			}
			n++
		}
		if n > 0 {
			ok = c.commit(session, unit)
		}
	}
}

// pass moves messages from inbox to outbox, each in a transaction.
func (c *worker) pass(until context.Context) {
	session, consumer, ok := c.consumer(client.Transacted, inbox)
	if !ok {
		return
	}
	producer, err := session.Producer(c.ctx, outbox, client.ProducerOptions{})
	if c.failed(err) {
		return
	}
	for ok && until.Err() == nil {
		unit := c.w.x.history.Begin()
		item, came := c.receive(until, consumer, unit, time.Hour)
		if !came {
			continue
		}
		_, body := c.w.x.history.Pass(c.name, unit, item)
		if err := producer.Send(c.ctx, client.NewText(body)); errors.Is(err, client.ErrRolledBack) {
			ok = !c.failed(session.Rollback(c.ctx))
			c.w.x.history.End(unit, harness.Undone)
			continue
		} else if c.failed(err) {
			return
		}
		ok = c.commit(session, unit)
	}
}

// drain consumes what is left in the queues, in one transaction each.
func (w *workload) drain(url string) {
	w.x.Helper()
	for i, queue := range []message.Destination{plain, bulk, inbox, outbox} {
		conn, err := client.Dial(within(w.x.T, patience), url, client.Options{})
		require.NoError(w.x, err)
		c := &worker{w: w, name: fmt.Sprint("drain", i), conn: conn, ctx: within(w.x.T, patience)}
		session, consumer, ok := c.consumer(client.Transacted, queue)
		require.True(w.x, ok)
		unit := w.x.history.Begin()
		for came := true; came; {
			_, came = c.receive(c.ctx, consumer, unit, 200*time.Millisecond)
		}
		require.True(w.x, c.commit(session, unit))
		require.NoError(w.x, conn.Close(c.ctx))
	}
}
