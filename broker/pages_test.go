package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// TestPagesThatEndAtTheirBytes: a backlog from before, of messages of which
// fewer than a page's number fit into its bytes, is delivered whole.
func TestPagesThatEndAtTheirBytes(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 100, func(m *message.Message) { m.Content = make([]byte, 300_000) })
	f = f.crash()
	c = f.connect()
	c.consumer(1, orders, 1000)
	require.Equal(t, count(1, 100), sequencesOf(c.take(t, 100)))
}
