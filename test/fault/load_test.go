//go:build fault

package fault

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

var orders = message.NewQueue("ORDERS")

// within gives a context that ends with the test at the latest.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func connect(t *testing.T, url string) (*client.Conn, *client.Session) {
	t.Helper()
	conn, err := client.Dial(within(t, patience), url, client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	session, err := conn.Session(within(t, patience), client.AutoAcknowledge)
	require.NoError(t, err)
	return conn, session
}

// sender sends entries of the ledger, persistent and one by one.
type sender struct {
	name     string
	ledger   *harness.Ledger
	producer *client.Producer
	size     int // bytes of a body
}

func newSender(t *testing.T, url string, ledger *harness.Ledger, name string) *sender {
	t.Helper()
	_, session := connect(t, url)
	producer, err := session.Producer(within(t, patience), orders, client.ProducerOptions{})
	require.NoError(t, err)
	return &sender{name: name, ledger: ledger, producer: producer, size: 512}
}

// send sends one entry and notes it when the broker has answered.
func (s *sender) send(ctx context.Context) error {
	number, body := s.ledger.Next(s.name, s.size)
	if err := s.producer.Send(ctx, client.NewText(body)); err != nil {
		return err
	}
	s.ledger.Acknowledged(s.name, number)
	return nil
}

// sendAll sends n entries, each of which must be acknowledged.
func (s *sender) sendAll(t *testing.T, n int) {
	t.Helper()
	for range n {
		require.NoError(t, s.send(within(t, patience)))
	}
}

// load is a crowd of senders that go on until they are stopped.
type load struct {
	t       *testing.T
	ledger  *harness.Ledger
	stop    context.CancelFunc // of sends under way as well
	stopped chan struct{}
	joined  sync.WaitGroup

	mu   sync.Mutex
	errs []error // guarded by mu; of sends that failed before the end, the last or for want of space
}

// startLoad starts n senders, each with a connection of its own.
func startLoad(t *testing.T, url string, ledger *harness.Ledger, n, size int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: t, ledger: ledger, stop: cancel, stopped: make(chan struct{})}
	t.Cleanup(func() { l.cancel() })
	for i := range n {
		s := newSender(t, url, ledger, fmt.Sprint("p", i))
		s.size = size
		l.joined.Go(func() { l.run(ctx, s) })
	}
	return l
}

func (l *load) run(ctx context.Context, s *sender) {
	for {
		select {
		case <-l.stopped:
			return
		default:
		}
		err := s.send(ctx)
		if err == nil {
			continue
		}
		if ctx.Err() == nil {
			l.mu.Lock()
			l.errs = append(l.errs, err)
			l.mu.Unlock()
		}
		if !isNoSpace(err) {
			return
		}
	}
}

// finish lets each sender have its last answer and demands that none failed.
func (l *load) finish() {
	l.t.Helper()
	l.end()
	require.Empty(l.t, l.failures())
}

// end is finish for senders that may fail.
func (l *load) end() {
	l.t.Helper()
	l.close()
	done := make(chan struct{})
	go func() { defer close(done); l.joined.Wait() }()
	select {
	case <-done:
	case <-time.After(patience):
		l.t.Error("senders have no answer")
		l.cancel()
	}
}

// cancel does not wait for answers.
func (l *load) cancel() {
	l.close()
	l.stop()
	l.joined.Wait()
}

func (l *load) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
}

func (l *load) failures() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.errs
}

// waitAcks waits until n more entries have been acknowledged.
func (l *load) waitAcks(n int) {
	l.t.Helper()
	want := l.ledger.Acks() + n
	require.True(l.t, harness.Eventually(patience, func() bool { return l.ledger.Acks() >= want }),
		"no %d more acknowledgements; failures: %v", n, l.failures())
}

// stalls waits until nothing has been acknowledged for a while.
func (l *load) stalls(quiet time.Duration) {
	l.t.Helper()
	last, since := l.ledger.Acks(), time.Now()
	require.True(l.t, harness.Eventually(2*patience, func() bool {
		if n := l.ledger.Acks(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > quiet
	}), "senders never stall")
}

// drain receives everything from ORDERS until nothing more comes, having
// waited for what the ledger misses, and checks the ledger.
func drain(t *testing.T, url string, ledger *harness.Ledger, excused ...string) {
	t.Helper()
	conn, _ := connect(t, url)
	session, err := conn.Session(within(t, patience), client.ClientAcknowledge)
	require.NoError(t, err)
	consumer, err := session.Consumer(within(t, patience), orders, client.ConsumerOptions{})
	require.NoError(t, err)
	name := string(conn.ID())
	quiet := 200 * time.Millisecond // for what may come too much
	last := time.Now()
	for n := 1; ; n++ {
		ctx, cancel := context.WithTimeout(context.Background(), quiet)
		d, err := consumer.Receive(ctx)
		cancel()
		switch {
		case err == nil:
			body, err := client.Text(d.Message)
			require.NoError(t, err)
			ledger.Delivered(name, body, d.RedeliveryCounter > 0)
			last = time.Now()
			if n%200 == 0 {
				require.NoError(t, session.Acknowledge(within(t, patience)))
			}
			continue
		case ctx.Err() == nil:
			require.NoError(t, err, "while draining")
		}
		missing := len(ledger.Missing())
		if missing <= len(excused) || time.Since(last) > 3*time.Second {
			break
		}
	}
	require.NoError(t, session.Acknowledge(within(t, patience)))
	require.NoError(t, conn.Close(within(t, patience)))
	t.Logf("ledger: %d tried, %d acknowledged, %d delivered", ledger.Tries(), ledger.Acks(), ledger.Deliveries())
	require.NoError(t, ledger.Check(excused...))
}

// consuming is a consumer that goes on until it is stopped.
type consuming struct {
	end  context.CancelFunc
	done chan int // how many came
}

// startConsumer consumes from ORDERS, and enters what comes into the ledger.
func startConsumer(t *testing.T, url string, ledger *harness.Ledger) *consuming {
	t.Helper()
	conn, session := connect(t, url)
	consumer, err := session.Consumer(within(t, patience), orders, client.ConsumerOptions{Prefetch: 20})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	c := &consuming{end: cancel, done: make(chan int, 1)}
	t.Cleanup(cancel)
	go func() {
		n := 0
		defer func() { c.done <- n }()
		for {
			d, err := consumer.Receive(ctx)
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("consumer: %v", err)
				}
				break
			}
			body, err := client.Text(d.Message)
			if err != nil {
				t.Errorf("consumer: %v", err)
				break
			}
			ledger.Delivered(string(conn.ID()), body, d.RedeliveryCounter > 0)
			n++
		}
		leave, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := conn.Close(leave); err != nil {
			t.Errorf("consumer: %v", err)
		}
	}()
	return c
}

// stop ends it and says how much it received.
func (c *consuming) stop() int {
	c.end()
	return <-c.done
}
