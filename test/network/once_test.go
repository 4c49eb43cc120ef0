//go:build network

package network

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// dial connects a client with failover.
func dial(t *testing.T, url string) *client.Session {
	t.Helper()
	c, err := client.Dial(t.Context(), url, client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Close(ctx)
	})
	s, err := c.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	return s
}

func send(t *testing.T, url string, d message.Destination, from, to int) {
	t.Helper()
	p, err := dial(t, url).Producer(t.Context(), d, client.ProducerOptions{})
	require.NoError(t, err)
	for i := from; i < to; i++ {
		require.NoError(t, p.Send(t.Context(), client.NewText(fmt.Sprint(i))))
	}
}

// take receives until nothing has come for a while, and returns how often each
// text came.
func take(t *testing.T, c *client.Consumer, quiet time.Duration, got map[string]int) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), quiet)
		d, err := c.Receive(ctx)
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return
		}
		text, err := client.Text(d.Message)
		require.NoError(t, err)
		got[text]++
	}
}

// TestKilledBetweenStoreAndAcknowledgement loses every answer of the far broker,
// which has stored the messages and whose consumers have had them, and kills one
// of the two. What is sent again is not stored again.
//
// An ActiveMQ recognises that with auditNetworkProducers, which compares with
// the last sequence that it has stored of the message's producer.
func TestKilledBetweenStoreAndAcknowledgement(t *testing.T) {
	for _, c := range []struct {
		victim string
		far    harness.Kind
	}{
		{"near", harness.Conclave}, {"far", harness.Conclave}, {"bridge", harness.Conclave},
		{"near", harness.ActiveMQ}, {"bridge", harness.ActiveMQ},
	} {
		victim := c.victim
		t.Run(fmt.Sprint(victim, " of ", c.far), func(t *testing.T) {
			t.Parallel()
			const count = 300
			queue := message.NewQueue("Q")
			far := newMember(t, c.far, "far")
			if c.far == harness.ActiveMQ {
				far.Connector = map[string]string{"auditNetworkProducers": "true"}
			}
			p := newProxy(t, harness.Address(far.Port))
			near := newMember(t, harness.Conclave, "near")
			near.link("static:("+p.url()+")?initialReconnectDelay=100&maxReconnectDelay=200", `name="NC"`)
			b := map[string]*harness.Broker{"far": far.start(t), "near": near.start(t)}
			s := dial(t, "failover:("+far.url()+")?maxReconnectDelay=100")
			c, err := s.Consumer(t.Context(), queue, client.ConsumerOptions{})
			require.NoError(t, err)
			awaitDemand(t, near.url(), queue)

			p.silent.Store(true)
			send(t, near.url(), queue, 0, count)
			got := map[string]int{}
			for len(got) < count { // the far broker has stored them, and forgotten them again
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				d, err := c.Receive(ctx)
				cancel()
				require.NoError(t, err)
				text, err := client.Text(d.Message)
				require.NoError(t, err)
				got[text]++
			}
			if v := b[victim]; v != nil {
				require.NoError(t, v.Kill())
				p.cut()
				require.NoError(t, v.StartServing(startLimit))
			}
			p.silent.Store(false)
			p.cut()
			send(t, "failover:("+near.url()+")", queue, count, count+1)
			for got[fmt.Sprint(count)] == 0 {
				take(t, c, time.Second, got)
			}
			take(t, c, time.Second, got)
			require.Len(t, got, count+1)
			for text, n := range got {
				require.Equal(t, 1, n, "message %s", text)
			}
		})
	}
}
