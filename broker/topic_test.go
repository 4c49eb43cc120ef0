package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

var news = message.NewTopic("NEWS.SPORT")

func TestTopicFanOut(t *testing.T) {
	f := start(t)
	sender := f.connect()
	p := sender.producer(1, news)
	sender.sendN(p, news, 3) // nobody listens
	var clients []*client
	for range 10 {
		c := f.connect()
		c.consumer(1, news, 100)
		clients = append(clients, c)
	}
	sender.sendN(p, news, 5)
	var shared *message.Message
	for _, c := range clients {
		got := c.take(t, 5)
		require.Equal(t, count(4, 5), sequencesOf(got))
		if shared == nil {
			shared = got[0].Message
		}
		require.Same(t, shared, got[0].Message)
		require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
	}
	require.Zero(t, f.stats(news).Memory)
	require.Zero(t, f.stats(news).InFlight)
	require.EqualValues(t, 50, f.stats(news).Dequeued)
}

func TestSlowSubscriberAccumulates(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, news)
	c.consumer(1, news, 2)
	c.sendN(p, news, 10)
	first := c.take(t, 2)
	require.Zero(t, c.count())
	require.EqualValues(t, 8*1029, f.stats(news).Memory)
	require.NoError(t, c.ack(ackOf(message.StandardAck, first...)))
	require.Equal(t, count(3, 2), sequencesOf(c.take(t, 2)))
	c.Connection.Close()
	require.Zero(t, f.stats(news).Memory)
}

func TestPendingLimitDiscardsOldest(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, news)
	c.consumer(1, news, 1, func(i *message.ConsumerInfo) { i.MaximumPendingMessageLimit = 3 })
	c.sendN(p, news, 10)
	require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 1)...)))
	require.Equal(t, count(8, 1), sequencesOf(c.take(t, 1)))
	require.EqualValues(t, 6, f.stats(news).Discarded)
}

func TestNoLocal(t *testing.T) {
	f := start(t)
	a, b := f.connect(), f.connect()
	noLocal := func(i *message.ConsumerInfo) { i.NoLocal = true }
	a.consumer(1, news, 10, noLocal)
	b.consumer(1, news, 10, noLocal)
	a.sendN(a.producer(1, news), news, 1)
	b.take(t, 1)
	require.Zero(t, a.count())
}

func TestPatternsAndComposites(t *testing.T) {
	f := start(t)
	c := f.connect()
	c.sendN(c.producer(1, news), news, 1) // makes the topic before the consumer
	c.consumer(1, message.NewTopic("NEWS.>"), 100)
	c.consumer(2, message.NewTopic("NEWS.*,OTHER"), 100)
	anonymous := c.producer(2, message.Destination{})
	send := func(dest message.Destination, n int) {
		t.Helper()
		c.sendN(anonymous, dest, 1)
		c.take(t, n)
		require.Zero(t, c.count())
	}
	send(news, 2)
	send(message.NewTopic("NEWS.NEW"), 2)
	send(message.NewTopic("NEWS.A.B"), 1)
	send(message.NewTopic("NEWS"), 1)
	send(message.NewTopic("OTHER"), 1)
	send(message.NewTopic("NEWS.SPORT,OTHER"), 3)
}

func TestCompositeSend(t *testing.T) {
	f := start(t)
	c := f.connect()
	c.consumer(1, news, 10)
	both := message.NewQueue("A,topic://NEWS.SPORT,B")
	c.sendN(c.producer(1, message.Destination{}), both, 1)
	d := c.take(t, 1)[0]
	require.Equal(t, news, d.Message.Destination)
	require.Equal(t, both, d.Message.OriginalDestination)
	require.EqualValues(t, 1, f.stats(message.NewQueue("A")).Size)
	require.EqualValues(t, 1, f.stats(message.NewQueue("B")).Size)
}

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"A", "A", true}, {"A", "B", false}, {"A.B", "A", false}, {"A", "A.B", false},
		{"*", "A", true}, {"*", "A.B", false}, {"A.*", "A.B", true}, {"A.*", "A", false},
		{"A.*.C", "A.B.C", true}, {"A.*.C", "A.B.D", false},
		{">", "A", true}, {">", "A.B.C", true}, {"A.>", "A", true}, {"A.>", "A.B", true},
		{"A.>", "A.B.C", true}, {"A.>", "B", false}, {"A.*.>", "A.B.C.D", true}, {"*.B", "A.B", true},
	} {
		require.Equal(t, tc.want, matches(message.NewTopic(tc.pattern), message.NewTopic(tc.name)), "%s %s", tc.pattern, tc.name)
	}
	require.False(t, matches(message.NewTopic(">"), message.NewQueue("A")))
}

func durableNamed(name string) func(*message.ConsumerInfo) {
	return func(i *message.ConsumerInfo) { i.SubscriptionName = name }
}

func as(clientID string) func(*message.ConnectionInfo) {
	return func(i *message.ConnectionInfo) { i.ClientID = clientID }
}

func TestDurableSubscriber(t *testing.T) {
	f := start(t, small)
	sender := f.connect()
	p := sender.producer(1, news)
	c := f.connect(as("alice"))
	id := c.consumer(1, news, 5, durableNamed("s"))
	sender.sendN(p, news, 3)
	got := c.take(t, 3)
	require.NoError(t, c.ack(ackOf(message.StandardAck, got[0])))
	require.NoError(t, c.RemoveConsumer(id, got[1].Message.ID.BrokerSequence))

	sender.sendN(p, news, 97) // accumulates
	require.Zero(t, f.stats(news).Memory)
	f = f.crash(small)
	sender = f.connect()
	c = f.connect(as("alice"))
	c.consumer(1, news, 5, durableNamed("s"))
	var seen []int64
	for len(seen) < 99 {
		d := c.take(t, 1)
		seen = append(seen, d[0].Message.ID.ProducerSequence)
		require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
	}
	require.Equal(t, count(2, 99), seen)
	require.Zero(t, f.stats(news).Memory)
	eventually(t, "all acknowledged", func() bool {
		left, _ := f.store.Page(nil, news, 0, 10, 1<<20)
		return len(left) == 0
	})
	p = sender.producer(1, news)
	sender.sendN(p, news, 1)
	c.take(t, 1)
}

func TestDurableRedeliveryCounter(t *testing.T) {
	f := start(t)
	sender := f.connect()
	p := sender.producer(1, news)
	c := f.connect(as("alice"))
	id := c.consumer(1, news, 10, durableNamed("s"))
	sender.sendN(p, news, 4)
	got := c.take(t, 4)
	require.NoError(t, c.RemoveConsumer(id, got[1].Message.ID.BrokerSequence))
	c.consumer(2, news, 10, durableNamed("s"))
	again := c.take(t, 4)
	require.Equal(t, count(1, 4), sequencesOf(again))
	for i, want := range []int32{1, 1, 0, 0} {
		require.Equal(t, want, again[i].RedeliveryCounter)
	}
}

func TestDurableInUse(t *testing.T) {
	f := start(t)
	a := f.connect(as("alice"))
	a.consumer(1, news, 10, durableNamed("s"))
	id := message.ConsumerID{Connection: a.session.Connection, Session: 1, Value: 2}
	info := &message.ConsumerInfo{ID: id, Destination: news, PrefetchSize: 10, SubscriptionName: "s"}
	err := a.AddConsumer(info)
	require.ErrorIs(t, err, ErrSubscriptionInUse)
	require.EqualError(t, err, "Durable consumer is in use for client: alice and subscriptionName: s")
	require.ErrorIs(t, a.RemoveSubscription(&message.RemoveSubscriptionInfo{Name: "s"}), ErrSubscriptionInUse)
	require.ErrorIs(t, a.RemoveSubscription(&message.RemoveSubscriptionInfo{Name: "other"}), ErrUnknownSubscription)
	require.NoError(t, a.RemoveConsumer(message.ConsumerID{Connection: a.session.Connection, Session: 1, Value: 1}, 0))
	require.NoError(t, a.RemoveSubscription(&message.RemoveSubscriptionInfo{Name: "s"}))
	require.ErrorIs(t, a.RemoveSubscription(&message.RemoveSubscriptionInfo{Name: "s"}), ErrUnknownSubscription)
	require.NoError(t, a.AddConsumer(info))
}

func TestDurableChanged(t *testing.T) {
	f := start(t)
	sender := f.connect()
	other := message.NewTopic("OTHER")
	p := sender.producer(1, message.Destination{})
	c := f.connect(as("alice"))
	id := c.consumer(1, news, 10, durableNamed("s"))
	require.NoError(t, c.RemoveConsumer(id, 0))
	sender.sendN(p, news, 5)
	c.consumer(2, other, 10, durableNamed("s"))
	sender.sendN(p, news, 1)
	sender.sendN(p, other, 1)
	require.Equal(t, []int64{7}, sequencesOf(c.take(t, 1)))
	require.Zero(t, c.count())
	left, err := f.store.Page(nil, news, 0, 10, 1<<20)
	require.NoError(t, err)
	require.Empty(t, left, "the old subscription still holds messages")
}

func TestDurablePattern(t *testing.T) {
	f := start(t)
	sender := f.connect()
	p := sender.producer(1, message.Destination{})
	sender.sendN(p, message.NewTopic("NEWS.OLD"), 1)
	c := f.connect(as("alice"))
	id := c.consumer(1, message.NewTopic("NEWS.>"), 10, durableNamed("s"))
	sender.sendN(p, message.NewTopic("NEWS.OLD"), 1)
	sender.sendN(p, message.NewTopic("NEWS.NEW"), 1)
	got := c.take(t, 2)
	require.Equal(t, count(2, 2), sequencesOf(got))
	for _, d := range got {
		require.NoError(t, c.ack(ackOf(message.StandardAck, d)))
	}
	require.NoError(t, c.RemoveConsumer(id, 0))
	sender.sendN(p, message.NewTopic("NEWS.LATER"), 1)
	sender.sendN(p, message.NewTopic("NEWS.OLD"), 1)
	f = f.crash()
	c = f.connect(as("alice"))
	c.consumer(1, message.NewTopic("NEWS.>"), 10, durableNamed("s"))
	require.ElementsMatch(t, count(4, 2), sequencesOf(c.take(t, 2)))
}

// odd wants every second message.
type odd struct{}

func (odd) Match(m *message.Message, _ int32) bool { return m.ID.ProducerSequence%2 == 1 }

func withSelectors(o *Options) {
	o.ParseSelector = func(s string) (Filter, error) {
		if s != "odd" {
			return nil, ErrInvalidSelector
		}
		return odd{}, nil
	}
}

func TestSelectors(t *testing.T) {
	f := start(t, withSelectors, small)
	c := f.connect(as("alice"))
	selecting := func(i *message.ConsumerInfo) { i.Selector = "odd" }
	p := c.producer(1, orders)
	c.sendN(p, orders, 10)
	picky := c.consumer(1, orders, 2, selecting)
	require.Equal(t, []int64{1, 3}, sequencesOf(c.take(t, 2)))
	c.consumer(2, orders, 100)
	got := c.take(t, 8)
	require.Equal(t, []int64{2, 4, 5, 6, 7, 8, 9, 10}, sequencesOf(got))
	require.NoError(t, c.RemoveConsumer(picky, 0))
	require.Equal(t, []int64{1, 3}, sequencesOf(c.take(t, 2)))

	p = c.producer(2, news)
	id := c.consumer(3, news, 10, selecting, durableNamed("s"))
	c.sendN(p, news, 4)
	got = c.take(t, 2)
	require.Equal(t, []int64{1, 3}, sequencesOf(got))
	require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
	require.NoError(t, c.RemoveConsumer(id, 0))
	c.sendN(p, news, 4)
	c.consumer(4, news, 10, selecting, durableNamed("s"))
	got = c.take(t, 2)
	require.Equal(t, []int64{5, 7}, sequencesOf(got))
	require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
	eventually(t, "unwanted messages gone", func() bool {
		left, _ := f.store.Page(nil, news, 0, 10, 1<<20)
		return len(left) == 0
	})

	err := c.AddConsumer(&message.ConsumerInfo{ID: message.ConsumerID{Connection: c.session.Connection, Session: 1, Value: 9}, Destination: orders, Selector: "nonsense ("})
	require.ErrorIs(t, err, ErrInvalidSelector)
}
