package network_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/network"
)

// TestACopyThatCameTooFarDoesNotHoldUpAnother has a topic's messages come first
// by a way that is so long that they cannot go on.
func TestACopyThatCameTooFarDoesNotHoldUpAnother(t *testing.T) {
	a, b, c, d := startNode(t, "a"), startNode(t, "b"), startNode(t, "c"), startNode(t, "d")
	b.bridge(d, hops(2))
	c.bridge(b, hops(2))
	a.bridge(c, hops(2))
	v := newValve(t, b)
	a.connect("static:("+v.url()+")", hops(2), func(c *network.Configuration) { c.AlwaysSyncSend = true })
	at := map[*node]*client.Consumer{}
	for _, n := range []*node{b, c, d} {
		at[n] = n.consume(topic)
	}
	a.subscribed(topic, 2)
	b.subscribed(topic, 1)
	c.subscribed(topic, 1)
	for _, kind := range []client.ProducerOptions{{}, {NonPersistent: true}} {
		v.turn(true)
		a.send(topic, 20, kind)
		require.Equal(t, numbers(0, 20), receive(t, at[c], 20))
		require.Equal(t, numbers(0, 20), receive(t, at[b], 20), "the long way")
		v.turn(false)
		require.Equal(t, numbers(0, 20), receive(t, at[d], 20))
		for _, x := range at {
			nothing(t, x)
		}
	}
}
