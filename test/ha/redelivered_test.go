package ha

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
)

// receive receives n orders and returns their redelivered flags, in order. It
// acknowledges them if it is told to.
func receive(t *testing.T, url string, n int, acknowledge bool) []bool {
	t.Helper()
	ctx := within(t, startLimit)
	conn, err := client.Dial(ctx, url, client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	session, err := conn.Session(ctx, client.IndividualAcknowledge)
	require.NoError(t, err)
	consumer, err := session.Consumer(ctx, orders, client.ConsumerOptions{Prefetch: -1})
	require.NoError(t, err)
	var flagged []bool
	for range n {
		d, err := consumer.Receive(ctx)
		require.NoError(t, err)
		flagged = append(flagged, d.RedeliveryCounter > 0)
		if acknowledge {
			require.NoError(t, consumer.Acknowledge(ctx, d))
		}
	}
	return flagged
}

// After a clean stop that left nothing delivered and not acknowledged, nothing
// is flagged. Otherwise all must be that may have been delivered.
func TestRedeliveredFlagAcrossARestart(t *testing.T) {
	clean := func(n *node) { n.signal(syscall.SIGTERM); require.Zero(t, n.ends(startLimit)) }
	for _, c := range []struct {
		name        string
		acknowledge bool
		stop        func(*node)
		flagged     bool
	}{
		{"stopped", true, clean, false},
		{"stopped with a message out", false, clean, true},
		{"killed", true, func(n *node) { n.kill() }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			n := newNode(t, "a", dir).serve()
			newSender(t, n.url()).send(6)
			require.Equal(t, []bool{false}, receive(t, n.url(), 1, c.acknowledge))
			c.stop(n)

			n = newNode(t, "a", dir).serve()
			for i, flagged := range receive(t, n.url(), 5, true) {
				require.Equal(t, c.flagged, flagged, "message %d", i)
			}
		})
	}
}
