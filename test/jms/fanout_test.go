//go:build jms

package jms

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// TestFanOutSurvivesKills sends to a virtual topic while the broker is killed
// three times: each of its queues has every message, once and in order.
func TestFanOutSurvivesKills(t *testing.T) {
	t.Parallel()
	const producers, each, kills = 4, 400, 3
	b := lab.NewBroker(t, harness.Options{Broker: `
destinations:
  - queue: {physicalName: Consumer.A.VirtualTopic.KILLS}
  - queue: {physicalName: Consumer.B.VirtualTopic.KILLS}
`})
	require.NoError(t, b.StartServing(startLimit))
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	url := "failover:(" + b.URL() + ")?initialReconnectDelay=20&maxReconnectDelay=100"
	var sent atomic.Int64
	finished := make(chan error, producers)
	for p := range producers {
		go func() { finished <- sendNumbered(ctx, url, p, each, &sent) }()
	}
	for k := range kills {
		threshold := int64(producers * each * (k + 1) / (kills + 1))
		require.Eventually(t, func() bool { return sent.Load() >= threshold }, startLimit, time.Millisecond)
		require.NoError(t, b.Kill())
		require.NoError(t, b.StartServing(startLimit))
	}
	for range producers {
		require.NoError(t, <-finished)
	}
	for _, queue := range []string{"Consumer.A.VirtualTopic.KILLS", "Consumer.B.VirtualTopic.KILLS"} {
		next := make([]int, producers)
		receiveNumbered(ctx, t, url, queue, producers*each, next)
		for p := range producers {
			require.Equal(t, each, next[p], "%s, producer %d", queue, p)
		}
	}
}

// sendNumbered sends n messages "p i", each acknowledged by the broker.
func sendNumbered(ctx context.Context, url string, p, n int, sent *atomic.Int64) error {
	conn, err := client.Dial(ctx, url, client.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	session, err := conn.Session(ctx, client.AutoAcknowledge)
	if err != nil {
		return err
	}
	producer, err := session.Producer(ctx, message.NewTopic("VirtualTopic.KILLS"), client.ProducerOptions{})
	if err != nil {
		return err
	}
	for i := range n {
		if err := producer.Send(ctx, client.NewText(fmt.Sprint(p, " ", i))); err != nil {
			return err
		}
		sent.Add(1)
	}
	return nil
}

// receiveNumbered counts what it receives in next, and fails when something is
// out of order or comes twice.
func receiveNumbered(ctx context.Context, t *testing.T, url, queue string, n int, next []int) {
	t.Helper()
	conn, err := client.Dial(ctx, url, client.Options{})
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	session, err := conn.Session(ctx, client.AutoAcknowledge)
	require.NoError(t, err)
	consumer, err := session.Consumer(ctx, message.NewQueue(queue), client.ConsumerOptions{})
	require.NoError(t, err)
	for range n {
		d, err := consumer.Receive(ctx)
		require.NoError(t, err)
		text, err := client.Text(d.Message)
		require.NoError(t, err)
		name, number, _ := strings.Cut(text, " ")
		p, err := strconv.Atoi(name)
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(next[p]), number, "%s, producer %d", queue, p)
		next[p]++
	}
	none, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	d, err := consumer.Receive(none)
	require.Error(t, err, "one message too many: %v", d.Message)
}
