package network_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
)

func TestAConsumerThatMovesFindsEverything(t *testing.T) {
	nodes := []*node{startNode(t, "a"), startNode(t, "b"), startNode(t, "c")}
	for i, n := range nodes {
		n.bridge(nodes[(i+1)%3], duplex, hops(2), named("NC-"+n.name))
	}
	d := message.NewQueue("WANDER")
	const each = 200
	for i, n := range nodes {
		n.sendFrom(d, i*each, (i+1)*each)
	}
	got := map[string]bool{}
	for round := 0; len(got) < 3*each; round++ {
		conn := nodes[round%3].conn("")
		s, err := conn.Session(t.Context(), client.AutoAcknowledge)
		require.NoError(t, err)
		c, err := s.Consumer(t.Context(), d, client.ConsumerOptions{})
		require.NoError(t, err)
		for n := 0; n < 40 && len(got) < 3*each; n++ {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			m, err := c.Receive(ctx)
			cancel()
			if err != nil {
				for _, n := range nodes {
					t.Logf("%s holds %d: %+v", n.name, n.depth(d), n.stats(d))
					n.show(d)
				}
			}
			require.NoError(t, err, "round %d at %s: %d", round, nodes[round%3].name, len(got))
			text, err := client.Text(m.Message)
			require.NoError(t, err)
			got[text] = true
		}
		require.NoError(t, c.Close(t.Context()))
	}
	for _, n := range nodes {
		n.await("nothing left", func() bool { return n.depth(d) == 0 })
	}
}
