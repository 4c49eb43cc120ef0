package broker

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

var replies = message.NewQueue("replies")

func withStatistics(o *Options) {
	o.Statistics = &Statistics{Connectors: map[string]string{"openwire": "tcp://h:1"}, DataDirectory: "d"}
}

// inquire asks for statistics and returns n answers.
func (c *client) inquire(t *testing.T, p message.ProducerID, name string, n int, properties ...string) []message.Properties {
	t.Helper()
	m := c.make(p, message.NewQueue(name))
	m.ReplyTo, m.CorrelationID = replies, "c"
	var all message.Properties
	for _, property := range properties {
		all = all.Set(property, true)
	}
	m.Properties, _ = message.AppendProperties(nil, all)
	require.NoError(t, c.send(m))
	var answers []message.Properties
	for _, d := range c.take(t, n) {
		require.Equal(t, message.Map, d.Message.Body)
		require.Equal(t, "c", d.Message.CorrelationID)
		fields, err := message.ParseProperties(d.Message.Content)
		require.NoError(t, err)
		answers = append(answers, fields)
	}
	return answers
}

func TestStatistics(t *testing.T) {
	f := start(t, withStatistics)
	c := f.connect()
	p := c.producer(1, message.Destination{})
	c.consumer(1, replies, 1000)
	c.sendN(p, orders, 3)
	c.sendN(p, message.NewQueue(orders.Name+".b"), 1)

	one := c.inquire(t, p, "ActiveMQ.Statistics.Destination."+orders.Name, 1)[0].Map()
	require.Equal(t, "queue://"+orders.Name, one["destinationName"])
	require.EqualValues(t, 3, one["size"])
	require.Positive(t, one["averageMessageSize"])
	require.Equal(t, float64(0), one["maxEnqueueTime"])
	both := c.inquire(t, p, "ActiveMQ.Statistics.Destination."+orders.Name+".>", 3, statisticsEnd, statisticsFirst)
	require.Positive(t, both[0].Map()["firstMessageTimestamp"])
	require.Empty(t, both[2], "the end")

	require.NoError(t, f.RemoveDestination(message.NewQueue(orders.Name+".b")))
	all := c.inquire(t, p, "ActiveMQ.Statistics.Broker", 1)[0].Map()
	require.Equal(t, "test", all["brokerName"])
	require.Equal(t, "tcp://h:1", all["openwire"])
	require.EqualValues(t, 8, all["enqueueCount"], "3, 1 that is gone, and 4 answers")
	all = c.inquire(t, p, "ActiveMQ.Statistics.Broker", 1, statisticsReset)[0].Map()
	require.EqualValues(t, 0, all["enqueueCount"])

	subscriptions := c.inquire(t, p, "ActiveMQ.Statistics.Subscription", 1)
	require.Equal(t, replies.Name, subscriptions[0].Map()["destinationName"])
	require.EqualValues(t, 1000, subscriptions[0].Map()["prefetchSize"])
}

func TestStatisticsWithNowhereToReply(t *testing.T) {
	f := start(t, withStatistics)
	c := f.connect()
	p := c.producer(1, message.Destination{})
	m := c.make(p, message.NewQueue("ActiveMQ.Statistics.Broker"))
	m.ReplyTo = message.Destination{Kind: message.TempQueue, Name: "ID:other:1"}
	require.ErrorIs(t, c.send(m), ErrUnknownDestination)
	m = c.make(p, message.NewQueue("ActiveMQ.Statistics.Destination."+strings.Repeat(">,", 100)))
	m.ReplyTo = replies
	require.ErrorIs(t, c.send(m), ErrInvalidDestination)
	// Without the plugin, and without an address, it is a message like others.
	c.sendN(p, message.NewQueue("ActiveMQ.Statistics.Broker"), 1)
	require.EqualValues(t, 1, f.stats(message.NewQueue("ActiveMQ.Statistics.Broker")).Size)
	g := start(t)
	d := g.connect()
	q := d.producer(1, message.Destination{})
	m = d.make(q, message.NewQueue("ActiveMQ.Statistics.Broker"))
	m.ReplyTo = replies
	o := newOutcome()
	d.Send(context.Background(), m, true, o.done)
	require.NoError(t, o.wait(t))
	require.EqualValues(t, 1, g.stats(message.NewQueue("ActiveMQ.Statistics.Broker")).Size)
}
