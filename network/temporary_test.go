package network_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
)

// TestTemporaryQueueOutlivesItsBridge: the other broker has one of the same name
// while the bridge is there; the client's own ends with the client.
func TestTemporaryQueueOutlivesItsBridge(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b, duplex)
	conn := a.conn("requester")
	s, err := conn.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	var queues []message.Destination
	for range 20 {
		q, err := conn.TempQueue(t.Context())
		require.NoError(t, err)
		queues = append(queues, q)
		b.await("the temporary queue", func() bool { return b.has(q) })
	}
	consumer, err := s.Consumer(t.Context(), queues[0], client.ConsumerOptions{})
	require.NoError(t, err)
	b.subscribed(queues[0], 1)

	a.unbridge()
	b.await("no temporary queue", func() bool { return !slices.ContainsFunc(queues, b.has) })
	for _, q := range queues {
		require.True(t, a.has(q), "%s is its client's", q)
	}
	a.send(queues[0], 1)
	require.Equal(t, []string{"0"}, receive(t, consumer, 1))
}

func (n *node) has(d message.Destination) bool {
	return slices.ContainsFunc(n.broker.Destinations(), func(s broker.DestinationStats) bool { return s.Destination == d })
}
