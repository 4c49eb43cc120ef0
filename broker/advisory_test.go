package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// Listeners hear of consumers in the order in which they came, also those that
// come later; browsers count, and nobody can tell what a consumer that is gone
// has had.
func TestAdvisoriesAboutConsumers(t *testing.T) {
	f := start(t)
	early := f.listen("Consumer.Queue." + orders.Name)
	c := f.connect()
	var ids []message.ConsumerID
	for n := range int64(12) {
		ids = append(ids, c.consumer(n, orders, 10, func(i *message.ConsumerInfo) { i.Browser = n == 3 }))
	}
	late := f.listen("Consumer.Queue." + orders.Name)
	for n, d := range early.take(t, len(ids)) {
		require.Equal(t, ids[n], d.Message.DataStructure.(*message.ConsumerInfo).ID)
		require.EqualValues(t, n+1, property(t, d.Message, "consumerCount"))
	}
	for n, d := range late.take(t, len(ids)) {
		require.Equal(t, ids[n], d.Message.DataStructure.(*message.ConsumerInfo).ID)
		require.EqualValues(t, len(ids), property(t, d.Message, "consumerCount"))
	}
	require.NoError(t, c.RemoveConsumer(ids[3], 5))
	gone := early.take(t, 1)[0].Message
	require.Equal(t, &message.RemoveInfo{Object: ids[3], LastDelivered: message.LastDeliveredUnknown}, gone.DataStructure)
	require.EqualValues(t, len(ids)-1, property(t, gone, "consumerCount"))
}

// A producer for a composite destination is one for each of its parts.
func TestAdvisoriesAboutProducersOfComposites(t *testing.T) {
	f := start(t)
	both := message.NewQueue(orders.Name + ",topic://" + news.Name)
	queue, topic := f.listen("Producer.Queue."+orders.Name), f.listen("Producer.Topic."+news.Name)
	c := f.connect()
	p := c.producer(1, both)
	late := f.listen("Producer.>")
	for listener, part := range map[*client]message.Destination{queue: orders, topic: news} {
		m := listener.take(t, 1)[0].Message
		require.Equal(t, part, m.DataStructure.(*message.ProducerInfo).Destination)
		require.EqualValues(t, 1, property(t, m, "producerCount"))
	}
	late.take(t, 2)
	require.NoError(t, c.RemoveProducer(p))
	for _, listener := range []*client{queue, topic} {
		m := listener.take(t, 1)[0].Message
		require.Equal(t, p, m.DataStructure.(*message.RemoveInfo).Object)
		require.EqualValues(t, 0, property(t, m, "producerCount"))
	}
}
