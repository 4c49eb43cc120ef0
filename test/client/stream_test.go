//go:build interop

package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/ledger"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// stream is a producer and a consumer of one queue, with a connection each,
// that go on while brokers die. Its ledger is exact at the end.
type stream struct {
	t       *testing.T
	name    string
	url     string
	sending client.AckMode // Transacted: in batches
	async   bool
	mode    client.AckMode
	opts    client.Options

	book   *ledger.Ledger
	queue  message.Destination
	sent   atomic.Int64
	got    atomic.Int64
	closed sync.WaitGroup
}

func (s *stream) start(ctx, sending context.Context) {
	s.book, s.queue = ledger.New(), message.NewQueue("STREAM."+s.name)
	s.closed.Go(func() { s.done("produce", s.produce(ctx, sending)) })
	s.closed.Go(func() { s.done("consume", s.consume(ctx)) })
}

func (s *stream) done(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		s.t.Errorf("%s: %s: %v", s.name, what, err)
	}
}

func (s *stream) produce(ctx, sending context.Context) error {
	conn, err := client.Dial(ctx, s.url, s.opts)
	if err != nil {
		return err
	}
	defer bye(conn)
	session, err := conn.Session(ctx, s.sending)
	if err != nil {
		return err
	}
	out, err := session.Producer(ctx, s.queue, client.ProducerOptions{})
	if err != nil {
		return err
	}
	var answers sync.WaitGroup
	defer answers.Wait()
	for sending.Err() == nil {
		if err := s.send(ctx, session, out, &answers); err != nil {
			return err
		}
	}
	return nil
}

// send sends one message, or one transaction.
func (s *stream) send(ctx context.Context, session *client.Session, out *client.Producer, answers *sync.WaitGroup) error {
	n, body := s.book.Next(s.name, 200)
	switch {
	case s.sending == client.Transacted:
		more, second := s.book.Next(s.name, 200)
		err := out.Send(ctx, client.NewText(body))
		if err == nil {
			err = out.Send(ctx, client.NewText(second))
		}
		if err == nil {
			err = session.Commit(ctx)
		}
		if errors.Is(err, client.ErrRolledBack) {
			return session.Rollback(ctx) // whether it took effect is not known
		}
		if err != nil {
			return err
		}
		s.book.Acknowledged(s.name, n)
		s.book.Acknowledged(s.name, more)
	case s.async:
		answers.Add(1)
		err := out.SendAsync(ctx, client.NewText(body), func(err error) {
			defer answers.Done()
			if err == nil {
				s.book.Acknowledged(s.name, n)
				s.sent.Add(1)
			}
		})
		if err != nil {
			answers.Done()
		}
		if n%20 == 0 {
			answers.Wait()
		}
		return err
	default:
		if err := out.Send(ctx, client.NewText(body)); err != nil {
			return err
		}
		s.book.Acknowledged(s.name, n)
	}
	s.sent.Add(1)
	return nil
}

func (s *stream) consume(ctx context.Context) error {
	conn, err := client.Dial(ctx, s.url, s.opts)
	if err != nil {
		return err
	}
	defer bye(conn)
	session, err := conn.Session(ctx, s.mode)
	if err != nil {
		return err
	}
	in, err := session.Consumer(ctx, s.queue, client.ConsumerOptions{RedeliveryDelay: -1, MaximumRedeliveries: -1})
	if err != nil {
		return err
	}
	if s.mode == client.IndividualAcknowledge {
		return in.Listen(ctx, func(_ context.Context, d message.Delivery) error {
			s.note("listener", d)
			return nil
		})
	}
	for d, err := range in.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := s.settle(ctx, session, d); err != nil {
			return err
		}
	}
	return nil
}

// settle notes what was certainly consumed.
func (s *stream) settle(ctx context.Context, session *client.Session, d message.Delivery) error {
	switch s.mode {
	case client.Transacted:
		err := session.Commit(ctx)
		if errors.Is(err, client.ErrRolledBack) {
			return nil // it comes again, unless the broker had committed
		}
		if err != nil {
			return err
		}
	case client.ClientAcknowledge:
		if err := session.Acknowledge(ctx); err != nil {
			return err
		}
	}
	s.note("consumer", d)
	return nil
}

func (s *stream) note(consumer string, d message.Delivery) {
	body, err := client.Text(d.Message)
	if err != nil {
		s.t.Error(err)
	}
	s.book.Delivered(consumer, body, d.RedeliveryCounter > 0)
	s.got.Add(1)
}

// flows waits until that many more were sent and received.
func (s *stream) flows(n int64) {
	s.t.Helper()
	sent, got := s.sent.Load()+n, s.got.Load()+n
	require.Eventually(s.t, func() bool { return s.sent.Load() >= sent && s.got.Load() >= got }, caseLimit, 2*time.Millisecond, "stream %s", s.name)
}

// settled waits until everything that was acknowledged has come. Of several
// brokers the consumer has ended, and what lies at one that it had left is
// fetched there.
func (s *stream) settled(brokers ...*harness.Broker) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), caseLimit)
	defer cancel()
	most := 0
	if s.mode == client.Transacted {
		most = 1 // a commit without an answer may have taken effect
	}
	if len(brokers) == 1 {
		require.Eventually(s.t, func() bool { return len(s.book.Missing()) <= most }, caseLimit, 20*time.Millisecond,
			"stream %s", s.name)
	}
	for _, broker := range brokers {
		s.drain(ctx, broker)
	}
	missing := s.book.Missing()
	require.LessOrEqual(s.t, len(missing), most, "%s: %v", s.name, missing)
	if brokers[0].Kind() == harness.Conclave && len(brokers) == 1 {
		require.NoError(s.t, s.book.Check(missing...), s.name)
	}
}

func (s *stream) drain(ctx context.Context, broker *harness.Broker) {
	conn, err := client.Dial(ctx, broker.URL(), client.Options{})
	require.NoError(s.t, err)
	defer bye(conn)
	session, err := conn.Session(ctx, client.AutoAcknowledge)
	require.NoError(s.t, err)
	in, err := session.Consumer(ctx, s.queue, client.ConsumerOptions{})
	require.NoError(s.t, err)
	for {
		patience := 200 * time.Millisecond
		if len(s.book.Missing()) > 0 {
			patience = time.Second
		}
		quiet, cancel := context.WithTimeout(ctx, patience)
		d, err := in.Receive(quiet)
		cancel()
		if err != nil {
			return
		}
		s.note("drain "+broker.Name(), d)
	}
}

func bye(conn *client.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// quick has failover look for brokers often.
const quick = "initialReconnectDelay=10&maxReconnectDelay=100&randomize=false"

func group(options string, brokers ...*harness.Broker) string {
	urls := make([]string, len(brokers))
	for i, b := range brokers {
		urls[i] = b.URL()
	}
	return fmt.Sprintf("failover:(%s)?%s&%s", strings.Join(urls, ", "), quick, options)
}
