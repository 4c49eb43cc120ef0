//go:build postgres

package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
)

// within gives a context that ends with the test at the latest.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func session(t *testing.T, url string, mode client.AckMode) *client.Session {
	t.Helper()
	conn, err := client.Dial(within(t, patience), url, client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	s, err := conn.Session(within(t, patience), mode)
	require.NoError(t, err)
	return s
}

// put sends bodies to a queue, each of which must be acknowledged.
func put(t *testing.T, url, queue string, bodies ...string) {
	t.Helper()
	require.NoError(t, try(t, url, queue, bodies...))
}

// try is put that may fail.
func try(t *testing.T, url, queue string, bodies ...string) error {
	t.Helper()
	producer, err := session(t, url, client.AutoAcknowledge).Producer(within(t, patience), message.NewQueue(queue), client.ProducerOptions{})
	require.NoError(t, err)
	for _, body := range bodies {
		if err := producer.Send(within(t, patience), client.NewText(body)); err != nil {
			return err
		}
	}
	return nil
}

// take receives n messages of a queue and acknowledges them.
func take(t *testing.T, url, queue string, n int) (bodies []string) {
	t.Helper()
	s := session(t, url, client.ClientAcknowledge)
	consumer, err := s.Consumer(within(t, patience), message.NewQueue(queue), client.ConsumerOptions{})
	require.NoError(t, err)
	for len(bodies) < n {
		d, err := consumer.Receive(within(t, patience))
		require.NoError(t, err, "after %d of %d", len(bodies), n)
		body, err := client.Text(d.Message)
		require.NoError(t, err)
		bodies = append(bodies, body)
	}
	require.NoError(t, s.Acknowledge(within(t, patience)))
	require.NoError(t, consumer.Close(within(t, patience)))
	return bodies
}

// none demands that a queue has nothing.
func none(t *testing.T, url, queue string) {
	t.Helper()
	consumer, err := session(t, url, client.AutoAcknowledge).Consumer(within(t, patience), message.NewQueue(queue), client.ConsumerOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = consumer.Receive(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, consumer.Close(within(t, patience)))
}
