package network_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/network"
)

// durableNames lists the durable subscriptions of n.
func (n *node) durableNames() (names []string) {
	for _, s := range n.broker.Subscriptions() {
		names = append(names, s.ClientID+":"+s.Name)
	}
	return names
}

func TestADurableSubscriberElsewhere(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b)
	conn := b.conn("sub")
	s, err := conn.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	c, err := s.Consumer(t.Context(), topic, client.ConsumerOptions{Subscription: "news"})
	require.NoError(t, err)
	a.subscribed(topic, 1)
	require.Equal(t, []string{"NC_b_inbound_a:NC-DS_a_T"}, a.durableNames())
	a.send(topic, 5)
	require.Equal(t, numbers(0, 5), receive(t, c, 5))
	require.NoError(t, c.Close(t.Context()))

	a.sendFrom(topic, 5, 10) // while it is away
	c, err = s.Consumer(t.Context(), topic, client.ConsumerOptions{Subscription: "news"})
	require.NoError(t, err)
	require.Equal(t, numbers(5, 10), receive(t, c, 5))
	require.NoError(t, c.Close(t.Context()))
	require.NoError(t, conn.Unsubscribe(t.Context(), "news"))
	a.await("no proxy", func() bool { return len(a.durableNames()) == 0 })
}

func TestADurableSubscriberTakesThePlaceOfAnother(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b)
	plain := b.consume(topic)
	a.subscribed(topic, 1)
	require.Empty(t, a.durableNames())
	conn := b.conn("sub")
	s, err := conn.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	c, err := s.Consumer(t.Context(), topic, client.ConsumerOptions{Subscription: "news"})
	require.NoError(t, err)
	a.await("a durable proxy alone", func() bool { return len(a.durableNames()) == 1 && a.networkConsumers(topic) == 1 })
	a.send(topic, 5)
	require.Equal(t, numbers(0, 5), receive(t, c, 5))
	require.Equal(t, numbers(0, 5), receive(t, plain, 5))
	nothing(t, plain)
	require.NoError(t, plain.Close(t.Context()))
	require.NoError(t, c.Close(t.Context()))
	require.NoError(t, conn.Unsubscribe(t.Context(), "news"))
	a.await("no proxy", func() bool { return len(a.durableNames()) == 0 })
}

func TestASubscriptionIsForcedToBeDurable(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b, func(c *network.Configuration) {
		c.DynamicallyIncludedDestinations = []network.Rule{network.ParseRule("topic://T?forceDurable=true")}
	})
	c := b.consume(topic)
	a.subscribed(topic, 1)
	require.Len(t, a.durableNames(), 1)
	require.NoError(t, c.Close(t.Context()))
	a.await("no proxy", func() bool { return len(a.durableNames()) == 0 })
}

func TestDurableSubscriptionsAreSynchronized(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	conn := b.conn("sub")
	s, err := conn.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	c, err := s.Consumer(t.Context(), topic, client.ConsumerOptions{Subscription: "news"})
	require.NoError(t, err)
	require.NoError(t, c.Close(t.Context())) // it is away when the bridge comes
	a.bridge(b, func(c *network.Configuration) {
		c.SyncDurableSubs = true
		c.DynamicallyIncludedDestinations = []network.Rule{network.ParseRule("topic://>")}
	})
	a.subscribed(topic, 1)
	a.send(topic, 3)
	c, err = s.Consumer(t.Context(), topic, client.ConsumerOptions{Subscription: "news"})
	require.NoError(t, err)
	require.Equal(t, numbers(0, 3), receive(t, c, 3))
}

func TestOneWayToAConsumerIsEnough(t *testing.T) {
	a, b, c := startNode(t, "a"), startNode(t, "b"), startNode(t, "c")
	only := func(cfg *network.Configuration) { cfg.SuppressDuplicateQueueSubscriptions = true }
	b.bridge(c, hops(3))
	a.bridge(b, hops(3), only)
	consumer := c.consume(queue)
	b.subscribed(queue, 1)
	a.subscribed(queue, 1) // the long way
	a.bridge(c, hops(3), only, named("DIRECT"))
	a.await("the short way alone", func() bool {
		return a.networkConsumers(queue) == 1 && subscriptions(a, "DIRECT") == 1
	})
	a.send(queue, 20)
	require.Equal(t, numbers(0, 20), receive(t, consumer, 20))
	a.await("all on the short way", func() bool { return dequeues(a, "DIRECT") == 20 })
}

func subscriptions(n *node, connector string) int {
	for _, s := range n.network.Status() {
		if s.Connector == connector {
			return s.Subscriptions
		}
	}
	return -1
}

func dequeues(n *node, connector string) int64 {
	for _, s := range n.network.Status() {
		if s.Connector == connector {
			return s.Dequeues
		}
	}
	return -1
}

// conditional gives every destination a networkBridgeFilterFactory.
func conditional(p broker.BridgePolicy) func(*broker.Options) {
	return func(o *broker.Options) {
		o.Policy = func(message.Destination) broker.Policy {
			all := broker.DefaultPolicy()
			all.Bridge = &p
			return all
		}
	}
}

func TestReplayIsAPolicy(t *testing.T) {
	for _, replay := range []bool{true, false} {
		edit := conditional(broker.BridgePolicy{ReplayWhenNoConsumers: replay, ReplayDelay: 50 * time.Millisecond})
		a, b := startNode(t, "a"), startNode(t, "b", edit)
		a.bridge(b, duplex)
		c := b.consume(queue)
		a.subscribed(queue, 1)
		a.send(queue, 20)
		b.await("the messages", func() bool { return b.depth(queue) == 20 })
		require.NoError(t, c.Close(t.Context()))
		c = a.consume(queue)
		if replay {
			require.ElementsMatch(t, numbers(0, 20), receive(t, c, 20))
		}
		nothing(t, c)
		require.EqualValues(t, map[bool]int{true: 0, false: 20}[replay], b.depth(queue))
	}
}

func TestTheRateOfABridgeIsLimited(t *testing.T) {
	a := startNode(t, "a", conditional(broker.BridgePolicy{RateLimit: 10, RateDuration: 100 * time.Millisecond}))
	b := startNode(t, "b")
	a.bridge(b)
	c := b.consume(queue)
	a.subscribed(queue, 1)
	began := time.Now()
	a.send(queue, 35)
	require.Equal(t, numbers(0, 35), receive(t, c, 35))
	require.Greater(t, time.Since(began), 250*time.Millisecond)
}
