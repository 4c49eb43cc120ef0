package ha

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
)

// flags are the redelivered flags of the first n orders, in order; the first
// seen of them are received, none is acknowledged.
func flags(t *testing.T, url string, n int) []bool {
	t.Helper()
	ctx := within(t, startLimit)
	conn, err := client.Dial(ctx, url, client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	session, err := conn.Session(ctx, client.ClientAcknowledge)
	require.NoError(t, err)
	consumer, err := session.Consumer(ctx, orders, client.ConsumerOptions{Prefetch: 1})
	require.NoError(t, err)
	var flagged []bool
	for range n {
		d, err := consumer.Receive(ctx)
		require.NoError(t, err)
		flagged = append(flagged, d.RedeliveryCounter > 0)
	}
	return flagged
}

// After a clean stop it is known what had been delivered; after a crash it has
// to be assumed of more.
func TestRedeliveredFlagAcrossARestart(t *testing.T) {
	for _, c := range []struct {
		name      string
		stop      func(*node)
		untouched bool // the flag of a message that was never delivered
	}{
		{"clean", func(n *node) { n.signal(syscall.SIGTERM); require.Zero(t, n.ends(startLimit)) }, false},
		{"killed", func(n *node) { n.kill() }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			n := newNode(t, "a", dir).serve()
			newSender(t, n.url()).send(6)
			require.Equal(t, []bool{false}, flags(t, n.url(), 1))
			c.stop(n)

			n = newNode(t, "a", dir).serve()
			all := flags(t, n.url(), 6)
			require.True(t, all[0], "it was received")
			require.Equal(t, c.untouched, all[5], "it was not")
		})
	}
}
