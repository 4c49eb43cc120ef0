package broker

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// everythingTold is a policy with all advisories.
func everythingTold(_ message.Destination, p *Policy) {
	p.AdvisoryPolicy = AdvisoryPolicy{
		AdvisoryForSlowConsumers: true, AdvisoryForFastProducers: true, AdvisoryForDiscardingMessages: true,
		AdvisoryForDelivery: true, AdvisoryForConsumed: true, AdvisoryForDispatched: true, AdvisoryWhenFull: true,
		SendAdvisoryIfNoConsumers: true,
	}
}

// listen makes a consumer of an advisory topic, on a connection of its own.
func (f *fixture) listen(name string) *client {
	c := f.connect()
	c.consumer(1, message.NewTopic(message.AdvisoryPrefix+name), 1000)
	return c
}

func TestAdvisoriesAboutMessages(t *testing.T) {
	f := start(t, underPolicy(everythingTold))
	delivered := f.listen("MessageDelivered.Queue." + orders.Name)
	consumed := f.listen("MessageConsumed.Queue." + orders.Name)
	dispatched := f.listen("MessageDispatched.Queue." + orders.Name)
	c := f.connect()
	consumer := c.consumer(1, orders, 10)
	p := c.producer(1, orders)
	c.sendN(p, orders, 1)
	got := c.take(t, 1)
	id := got[0].Message.ID
	for _, listener := range []*client{delivered, dispatched} {
		m := listener.take(t, 1)[0].Message
		require.Equal(t, "Advisory", m.Type)
		require.Equal(t, id.String(), property(t, m, "orignalMessageId"))
		require.Equal(t, orders.String(), property(t, m, "orignalDestination"))
		inner := m.DataStructure.(*message.Message)
		require.Equal(t, id, inner.ID)
		require.Nil(t, inner.Content)
		if listener == dispatched {
			require.Equal(t, consumer.String(), property(t, m, "consumerId"))
		}
	}
	require.Equal(t, []byte("hello"), got[0].Message.Content, "the message is shared")
	require.Zero(t, consumed.count())
	require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
	require.Equal(t, id.String(), property(t, consumed.take(t, 1)[0].Message, "orignalMessageId"))
}

// About advisories nothing is told, whatever the policy says.
func TestNoAdvisoriesAboutAdvisories(t *testing.T) {
	f := start(t, underPolicy(everythingTold))
	all := f.listen(">")
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1, transient)
	seen := map[string]int{}
	for n := all.count(); n > 0; n = all.count() {
		for _, d := range all.take(t, n) {
			require.NotContains(t, d.Destination.Name[len(message.AdvisoryPrefix):], message.AdvisoryPrefix)
			seen[d.Destination.Name]++
		}
	}
	require.Equal(t, 1, seen[message.AdvisoryPrefix+"NoConsumer.Queue."+orders.Name])
	require.Equal(t, 1, seen[message.AdvisoryPrefix+"MessageDelivered.Queue."+orders.Name])
}

// Nobody listens: no topics, no messages.
func TestAdvisoriesWithoutListeners(t *testing.T) {
	f := start(t, underPolicy(everythingTold))
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 3)
	require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 3)...)))
	for _, s := range f.Destinations() {
		require.False(t, s.Destination.IsAdvisory(), s.Destination.Name)
	}
}

func TestAdvisoriesOff(t *testing.T) {
	f := start(t, underPolicy(everythingTold), func(o *Options) { o.DisableAdvisories = true })
	all := f.listen(">")
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1, transient)
	require.Zero(t, all.count())
}

func TestExpiredAndDeadAdvisories(t *testing.T) {
	k := &clock{}
	f := start(t, k.set)
	expired := f.listen("Expired.Queue." + orders.Name)
	dead := f.listen("MessageDLQd.Queue." + orders.Name)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 2, func(m *message.Message) { m.Expiration = 1_000_500 })
	k.ms.Add(1000)
	f.sweep()
	for _, listener := range []*client{expired, dead} {
		require.Equal(t, []int64{1, 2}, []int64{
			listener.take(t, 1)[0].Message.DataStructure.(*message.Message).ID.ProducerSequence,
			listener.take(t, 1)[0].Message.DataStructure.(*message.Message).ID.ProducerSequence,
		})
	}
}

// A listener that acknowledges nothing costs a bounded number of messages.
func TestSlowListenerIsBounded(t *testing.T) {
	f := start(t, underPolicy(func(d message.Destination, p *Policy) {
		everythingTold(d, p)
		if d.IsAdvisory() {
			p.PendingMessageLimit = 10
		}
	}))
	listener := f.connect()
	name := message.NewTopic(message.AdvisoryPrefix + "MessageDelivered.Queue." + orders.Name)
	listener.consumer(1, name, 5)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 100)
	require.Equal(t, 5, listener.count())
	require.EqualValues(t, 85, f.stats(name).Discarded)
	require.Equal(t, maxUnheard, start(t).policy(name).PendingMessageLimit)
}

// The topics about a destination go with it.
func TestAdvisoryTopicsAreForgotten(t *testing.T) {
	f := start(t, underPolicy(everythingTold))
	listener := f.listen("MessageDelivered.Queue." + orders.Name)
	c := f.connect()
	c.sendN(c.producer(1, orders), orders, 1)
	listener.take(t, 1)
	listener.Close()
	require.NoError(t, f.RemoveDestination(orders))
	for _, s := range f.Destinations() {
		require.NotContains(t, s.Destination.Name, orders.Name)
	}
}

func TestFullAndFastAdvisories(t *testing.T) {
	f := start(t, underPolicy(func(d message.Destination, p *Policy) {
		everythingTold(d, p)
		p.MemoryLimit = 1
	}))
	full := f.listen("FULL.Topic." + news.Name)
	fast := f.listen("FastProducer.Topic." + news.Name)
	c := f.connect()
	c.consumer(1, news, 1)
	p := c.producer(1, news)
	c.sendN(p, news, 2, transient) // the second waits in memory
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	o := newOutcome()
	c.Send(ctx, c.make(p, news, transient), false, o.done)
	require.Error(t, o.wait(t))
	m := full.take(t, 1)[0].Message
	require.Equal(t, "Main:memory:"+news.String(), property(t, m, "usageName"))
	require.Positive(t, property(t, m, "usageCount"))
	m = fast.take(t, 1)[0].Message
	require.Equal(t, p.String(), property(t, m, "producerId"))
	require.Equal(t, p, m.DataStructure.(*message.ProducerInfo).ID)
}

func TestAnonymousProducerAdvisories(t *testing.T) {
	f := start(t, func(o *Options) { o.AnonymousProducerAdvisories = true })
	listener := f.listen("Producer.Anonymous")
	c := f.connect()
	p := c.producer(1, message.Destination{})
	require.Equal(t, p, listener.take(t, 1)[0].Message.DataStructure.(*message.ProducerInfo).ID)
	require.NoError(t, c.RemoveProducer(p))
	require.Equal(t, p, listener.take(t, 1)[0].Message.DataStructure.(*message.RemoveInfo).Object)
}

func TestMasterBrokerAdvisory(t *testing.T) {
	listener := start(t).listen("MasterBroker")
	m := listener.take(t, 1)[0].Message
	require.Equal(t, "Advisory", m.Type)
	require.Equal(t, "test", property(t, m, "originBrokerName"))
}
