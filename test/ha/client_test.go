package ha

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
)

var orders = message.NewQueue("ORDERS")

// failover is a URL over several nodes.
func failover(nodes ...*node) string {
	urls := make([]string, len(nodes))
	for i, n := range nodes {
		urls[i] = n.url()
	}
	return "failover:(" + strings.Join(urls, ",") + ")?initialReconnectDelay=10&maxReconnectDelay=50&useExponentialBackOff=false&randomize=false"
}

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// sender is a producer of numbered persistent messages.
type sender struct {
	t        *testing.T
	producer *client.Producer
	next     int
}

func newSender(t *testing.T, url string) *sender {
	t.Helper()
	ctx := within(t, startLimit)
	conn, err := client.Dial(ctx, url, client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	session, err := conn.Session(ctx, client.AutoAcknowledge)
	require.NoError(t, err)
	producer, err := session.Producer(ctx, orders, client.ProducerOptions{})
	require.NoError(t, err)
	return &sender{t: t, producer: producer}
}

// send sends n messages, each acknowledged by the broker.
func (s *sender) send(n int) {
	s.t.Helper()
	for range n {
		require.NoError(s.t, s.producer.Send(within(s.t, startLimit), client.NewText(fmt.Sprint("order ", s.next))))
		s.next++
	}
}

// drain receives until n different messages have come, and checks that each
// came once, in order, unless it is flagged as redelivered.
func drain(t *testing.T, url string, n int) {
	t.Helper()
	ctx := within(t, startLimit)
	conn, err := client.Dial(ctx, url, client.Options{})
	require.NoError(t, err)
	defer conn.Close(context.Background())
	session, err := conn.Session(ctx, client.AutoAcknowledge)
	require.NoError(t, err)
	consumer, err := session.Consumer(ctx, orders, client.ConsumerOptions{})
	require.NoError(t, err)
	for i := range n {
		d, err := consumer.Receive(ctx)
		require.NoError(t, err, "after %d of %d messages", i, n)
		text, err := client.Text(d.Message)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("order ", i), text)
	}
	none, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	d, err := consumer.Receive(none)
	require.Error(t, err, "one message too many: %v", d.Message)
}
