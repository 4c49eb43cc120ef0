package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func retroactive(i *message.ConsumerInfo) { i.Retroactive = true }

func with(name string, value any) func(*message.Message) {
	return func(m *message.Message) {
		m.Properties, _ = message.AppendProperties(nil, message.Properties{{Name: name, Value: value}})
	}
}

func TestRecovery(t *testing.T) {
	size := (&message.Message{Content: []byte("hello")}).Size()
	for _, tc := range []struct {
		name string
		rule Recovery
		want []int64
	}{
		{"nothing", Recovery{}, nil},
		{"count", Recovery{Keep: KeepCount, Count: 3}, []int64{8, 9, 10}},
		{"bytes", Recovery{Keep: KeepBytes, Bytes: 4*size + 1}, []int64{7, 8, 9, 10}},
		{"fewer bytes than a message", Recovery{Keep: KeepBytes, Bytes: 10}, nil},
		{"time", Recovery{Keep: KeepTime, For: time.Minute}, count(1, 10)},
		{"last", Recovery{Keep: KeepLast}, []int64{10}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := start(t, governed(func(p *Policy) { p.Recovery = tc.rule }))
			c := f.connect()
			p := c.producer(1, news)
			c.sendN(p, news, 10)
			c.consumer(1, news, 100, retroactive)
			c.consumer(2, message.NewTopic("NEWS.>,OTHER"), 100, retroactive)
			c.consumer(3, news, 100)
			got := c.take(t, 2*len(tc.want))
			require.Equal(t, tc.want, append([]int64(nil), sequencesOf(got[:len(tc.want)])...))
			require.Equal(t, tc.want, append([]int64(nil), sequencesOf(got[len(tc.want):])...))
			for _, d := range got {
				require.Zero(t, d.RedeliveryCounter)
			}
			c.sendN(p, news, 1)
			c.take(t, 3)
			require.Zero(t, c.count())
			require.LessOrEqual(t, f.stats(news).Memory, int64(11)*size)
		})
	}
}

func TestRecoveryAsksTheSelector(t *testing.T) {
	f := start(t, governed(func(p *Policy) { p.Recovery, p.AlwaysRetroactive = Recovery{Keep: KeepCount, Count: 9}, true }),
		func(o *Options) {
			o.ParseSelector = func(string) (Filter, error) { return priorityAbove(4), nil }
		})
	c := f.connect()
	p := c.producer(1, news)
	for i := range uint8(10) {
		c.sendN(p, news, 1, func(m *message.Message) { m.Priority = i })
	}
	c.consumer(1, news, 100, func(i *message.ConsumerInfo) { i.Selector = "x" })
	require.Equal(t, count(6, 5), sequencesOf(c.take(t, 5)))
	c.consumer(2, news, 100, func(i *message.ConsumerInfo) { i.NoLocal = true })
	require.Zero(t, c.count())
}

type priorityAbove uint8

func (p priorityAbove) Match(m *message.Message, _ int32) bool { return m.Priority > uint8(p) }

// What is kept for a time goes, and its memory with it, without anybody's
// doing.
func TestTimedRecoveryForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, governed(func(p *Policy) { p.Recovery = Recovery{Keep: KeepTime, For: time.Minute} }))
		c := f.connect()
		p := c.producer(1, news)
		c.sendN(p, news, 2)
		time.Sleep(40 * time.Second)
		c.sendN(p, news, 2)
		time.Sleep(30 * time.Second)
		require.Equal(t, 2*c.make(p, news).Size(), f.stats(news).Memory)
		c.consumer(1, news, 10, retroactive)
		require.Equal(t, []int64{3, 4}, sequencesOf(c.take(t, 2)))
		time.Sleep(time.Minute)
		require.Zero(t, f.stats(news).Memory)
		f.close()
	})
}

func TestRetainedMessage(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, news)
	c.consumer(1, news, 10)
	names := func(d message.Delivery) (list []string) {
		properties, err := message.ParseProperties(d.Message.Properties)
		require.NoError(t, err)
		for _, x := range properties {
			list = append(list, x.Name)
		}
		return list
	}
	for _, wish := range []any{true, "TRUE"} {
		require.NoError(t, c.send(c.make(p, news, with(propertyRetain, wish))))
	}
	c.sendN(p, news, 1)
	require.NoError(t, c.send(c.make(p, news, with(propertyRetain, false))))
	live := c.take(t, 4)
	require.Empty(t, names(live[0]))
	require.Equal(t, []string{propertyRetain}, names(live[3]), "no wish")
	c.consumer(2, message.NewTopic("NEWS.>"), 10, retroactive)
	c.consumer(3, news, 10)
	got := c.take(t, 1)[0]
	require.EqualValues(t, 2, got.Message.ID.ProducerSequence)
	require.Equal(t, []string{propertyRetained}, names(got))
	require.Zero(t, c.count())
	require.Positive(t, f.stats(news).Memory)

	require.NoError(t, c.send(c.make(p, news, with(propertyRetain, true), func(m *message.Message) { m.Content = nil })))
	c.take(t, 3)
	c.consumer(4, news, 10, retroactive)
	require.Zero(t, c.count())
	require.Zero(t, f.stats(news).Memory)
}

// What is retained and kept by the policy, too, comes once, and first.
func TestRetainedMessageBesideKeptOnes(t *testing.T) {
	f := start(t, governed(func(p *Policy) { p.Recovery = Recovery{Keep: KeepCount, Count: 2} }))
	c := f.connect()
	p := c.producer(1, news)
	c.sendN(p, news, 1)
	require.NoError(t, c.send(c.make(p, news, with(propertyRetain, true))))
	c.sendN(p, news, 1)
	c.consumer(1, news, 10, retroactive)
	require.Equal(t, []int64{2, 3}, sequencesOf(c.take(t, 2)))
	require.Zero(t, c.count())
}

// A durable subscriber that is retroactive gets what was retained each time it
// comes, and what the policy keeps while it has nothing else.
func TestRetroactiveDurable(t *testing.T) {
	f := start(t, governed(func(p *Policy) { p.Recovery = Recovery{Keep: KeepCount, Count: 2} }))
	sender := f.connect()
	p := sender.producer(1, news)
	sender.sendN(p, news, 3)
	named := func(i *message.ConsumerInfo) { i.SubscriptionName, i.Retroactive = "s", true }
	c := f.connect()
	id := c.consumer(1, news, 10, named)
	require.Equal(t, []int64{2, 3}, sequencesOf(c.take(t, 2)))
	require.NoError(t, sender.send(sender.make(p, news, with(propertyRetain, true))))
	got := c.take(t, 1)
	require.NoError(t, c.RemoveConsumer(id, message.LastDeliveredUnset))
	c.consumer(2, news, 10, named)
	again := c.take(t, 2)
	require.ElementsMatch(t, []int64{4, 4}, sequencesOf(again), "retained, and not acknowledged")
	require.Equal(t, got[0].Message.ID.ProducerSequence, again[0].Message.ID.ProducerSequence)
	require.Zero(t, c.count())
	for _, d := range again {
		require.NoError(t, c.ack(ackOf(message.IndividualAck, d)))
	}
}

// However many topics keep messages, a quarter of the memory is all that they
// take, and producers go on.
func TestKeptMessagesAreBounded(t *testing.T) {
	f := start(t, governed(func(p *Policy) { p.Recovery = Recovery{Keep: KeepCount, Count: 1000} }),
		func(o *Options) { o.MemoryLimit = 1 << 20 })
	c := f.connect()
	p := c.producer(1, message.Destination{})
	large := func(m *message.Message) { m.Content = make([]byte, 20_000) }
	for _, name := range []string{"A", "B", "C", "D", "E"} {
		c.sendN(p, message.NewTopic(name), 20, large)
		c.sendN(p, message.NewTopic(name), 1, large, with(propertyRetain, true))
	}
	used, limit := f.Broker.Memory()
	require.LessOrEqual(t, used, limit/keptShare)
	require.Greater(t, used, limit/keptShare-50_000)
	for _, name := range []string{"A", "B", "C", "D", "E"} {
		require.NoError(t, c.RemoveDestination(&message.DestinationInfo{Destination: message.NewTopic(name)}))
	}
	used, _ = f.Broker.Memory()
	require.Zero(t, used)
}

// A retroactive consumer gets every message once and in order while producers
// go on.
func TestRecoveryWhileSending(t *testing.T) {
	f := start(t, governed(func(p *Policy) { p.Recovery = Recovery{Keep: KeepCount, Count: 1000} }))
	sender := f.connect()
	p := sender.producer(1, news)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 500 {
			sender.Send(t.Context(), sender.make(p, news, transient), false, func(error) {})
		}
	}()
	var clients []*client
	for range 10 {
		c := f.connect()
		c.consumer(1, news, 1000, retroactive)
		clients = append(clients, c)
	}
	<-done
	for _, c := range clients {
		require.Equal(t, count(1, 500), sequencesOf(c.take(t, 500)))
		require.Zero(t, c.count())
	}
}

// What the broker says about itself is kept for those who come later, and is
// no memory of clients'.
func TestMasterBrokerAdvisoryIsKept(t *testing.T) {
	f := start(t)
	dest := message.NewTopic(advisoryMasterBroker)
	target, _, err := f.create(dest, nil)
	require.NoError(t, err)
	for range 2 {
		target.arrive(&message.Message{Destination: dest, Type: "Advisory"}, nil)
	}
	c := f.connect()
	c.consumer(1, dest, 10)
	require.Len(t, c.take(t, 1), 1)
	require.Zero(t, c.count())
	used, _ := f.Broker.Memory()
	require.Zero(t, used)
}
