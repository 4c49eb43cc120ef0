package network_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/network"
)

var (
	queue = message.NewQueue("Q")
	topic = message.NewTopic("T")
)

func TestAQueueIsConsumedElsewhere(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b)
	c := b.consume(queue)
	a.subscribed(queue, 1)
	a.send(queue, 50)
	require.Equal(t, numbers(0, 50), receive(t, c, 50))
	a.await("acknowledgements", func() bool { return a.depth(queue) == 0 })
	require.EqualValues(t, 50, a.bridged()[0].Dequeues)
}

func TestATopicIsHeardElsewhere(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b)
	c, d := b.consume(topic), b.consume(topic)
	a.subscribed(topic, 1)
	a.send(topic, 20)
	require.Equal(t, numbers(0, 20), receive(t, c, 20))
	require.Equal(t, numbers(0, 20), receive(t, d, 20))
	nothing(t, c)
}

func TestDuplexServesBothDirections(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b, duplex)
	there, here := b.consume(queue), a.consume(message.NewQueue("R"))
	a.subscribed(queue, 1)
	b.subscribed(message.NewQueue("R"), 1)
	a.send(queue, 30)
	b.send(message.NewQueue("R"), 30)
	require.Equal(t, numbers(0, 30), receive(t, there, 30))
	require.Equal(t, numbers(0, 30), receive(t, here, 30))
	require.Len(t, b.bridged(), 1)
	require.True(t, b.bridged()[0].CreatedByDuplex)
}

func TestRequestAndReplyAcrossBrokers(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b, duplex)
	service := b.consume(queue)
	a.subscribed(queue, 1)

	conn := a.conn("requester")
	replyTo, err := conn.TempQueue(t.Context())
	require.NoError(t, err)
	s, err := conn.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	replies, err := s.Consumer(t.Context(), replyTo, client.ConsumerOptions{})
	require.NoError(t, err)
	p, err := s.Producer(t.Context(), queue, client.ProducerOptions{})
	require.NoError(t, err)
	request := client.NewText("ping")
	request.ReplyTo = replyTo
	require.NoError(t, p.Send(t.Context(), request))

	got, err := service.Receive(t.Context())
	require.NoError(t, err)
	require.Equal(t, replyTo, got.Message.ReplyTo)
	answer, err := b.dial("service").Producer(t.Context(), got.Message.ReplyTo, client.ProducerOptions{NonPersistent: true})
	require.NoError(t, err)
	require.NoError(t, answer.Send(t.Context(), client.NewText("pong")))
	require.Equal(t, []string{"pong"}, receive(t, replies, 1))
}

func TestMessagesComeBackToWhereTheirConsumerGoes(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b, duplex)
	const count = 200
	c := b.consume(queue)
	a.subscribed(queue, 1)
	a.send(queue, count)
	b.await("the messages", func() bool { return b.depth(queue) == count })
	require.NoError(t, c.Close(t.Context()))

	c = a.consume(queue) // A→B→A
	a.await("them back", func() bool { return a.depth(queue) == count && b.depth(queue) == 0 })
	require.NoError(t, c.Close(t.Context()))
	c = b.consume(queue) // and once more
	b.await("them again", func() bool { return b.depth(queue) == count && a.depth(queue) == 0 })
	require.NoError(t, c.Close(t.Context()))

	c = a.consume(queue)
	require.ElementsMatch(t, numbers(0, count), receive(t, c, count))
	nothing(t, c)
}

func TestARingPassesEachMessageOnce(t *testing.T) {
	nodes := []*node{startNode(t, "a"), startNode(t, "b"), startNode(t, "c")}
	for i, n := range nodes {
		n.bridge(nodes[(i+1)%3], duplex, hops(3))
	}
	var queues, topics []*client.Consumer
	for _, n := range nodes {
		topics = append(topics, n.consume(topic))
		queues = append(queues, n.consume(message.NewQueue("OF."+n.name)))
	}
	for _, n := range nodes {
		n.await("consumers", func() bool { return n.networkConsumers(topic) >= 2 })
	}
	for _, kind := range []client.ProducerOptions{{}, {NonPersistent: true}} {
		nodes[0].send(topic, 200, kind)
		for _, c := range topics { // by both ways; the copy that comes first counts
			require.Equal(t, numbers(0, 200), receive(t, c, 200))
		}
	}
	for i, c := range queues {
		nodes[(i+1)%3].send(message.NewQueue("OF."+nodes[i].name), 20)
		require.ElementsMatch(t, numbers(0, 20), receive(t, c, 20))
	}
	for i := range nodes {
		nothing(t, topics[i])
		nothing(t, queues[i])
	}
}

func TestWhatIsBridgedCanBeChosen(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b, func(c *network.Configuration) {
		c.DynamicallyIncludedDestinations = []network.Rule{network.ParseRule("queue://IN.>")}
		c.ExcludedDestinations = []network.Rule{network.ParseRule("queue://IN.OUT")}
		c.StaticallyIncludedDestinations = []network.Rule{network.ParseRule("queue://ALWAYS")}
	})
	b.consume(message.NewQueue("IN.A"))
	b.consume(message.NewQueue("IN.OUT"))
	b.consume(message.NewQueue("OTHER"))
	a.subscribed(message.NewQueue("IN.A"), 1)
	a.subscribed(message.NewQueue("ALWAYS"), 1)
	require.Zero(t, a.networkConsumers(message.NewQueue("IN.OUT")))
	require.Zero(t, a.networkConsumers(message.NewQueue("OTHER")))
	a.send(message.NewQueue("ALWAYS"), 3)
	b.await("the static queue's messages", func() bool { return b.depth(message.NewQueue("ALWAYS")) == 3 })
}
