package broker

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// governed gives all destinations a policy.
func governed(change func(*Policy)) func(*Options) {
	return func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			change(&p)
			return p
		}
	}
}

func priorities(list ...uint8) func(*message.Message) {
	i := -1
	return func(m *message.Message) { i++; m.Priority = list[i] }
}

// paints gives messages the property colour, "" none, and rising timestamps.
func paints(list ...string) func(*message.Message) {
	i := -1
	return func(m *message.Message) {
		i++
		m.Timestamp = int64(1000 + i)
		if list[i] != "" {
			m.Properties, _ = message.AppendProperties(nil, message.Properties{{Name: "colour", Value: list[i]}})
		}
	}
}

func TestEviction(t *testing.T) {
	for _, tc := range []struct {
		name   string
		rule   Eviction
		change func(*message.Message)
		n      int
		left   []int64 // of what waits, after 1 was delivered
	}{
		{"oldest", Eviction{}, transient, 7, []int64{5, 6, 7}},
		{"lowest priority", Eviction{By: LowestPriority}, priorities(4, 5, 1, 9, 1, 7, 9), 7, []int64{4, 6, 7}},
		{"lowest priority, oldest first", Eviction{By: LowestPriority}, priorities(4, 4, 4, 4, 4, 4, 4), 7, []int64{5, 6, 7}},
		{"newest of each colour", Eviction{By: UniqueProperty, Property: "colour"}, paints("", "red", "blue", "red", "blue", "green"), 6, []int64{4, 5, 6}},
		{"no two alike", Eviction{By: UniqueProperty, Property: "colour"}, paints("", "a", "b", "c", "d", "e"), 6, []int64{4, 5, 6}},
		{"no colour at all", Eviction{By: UniqueProperty, Property: "colour"}, paints("", "", "", "", "", ""), 6, []int64{4, 5, 6}},
		{"without goes first", Eviction{By: UniqueProperty, Property: "colour"}, paints("", "", "", "red", "blue"), 5, []int64{4, 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := start(t, governed(func(p *Policy) { p.PendingMessageLimit, p.Eviction = 3, tc.rule }))
			c := f.connect()
			c.consumer(1, news, 1)
			p := c.producer(1, news)
			for range tc.n {
				m := c.make(p, news, transient, tc.change)
				require.NoError(t, c.send(m))
			}
			got := c.take(t, 1)
			for i := range tc.left {
				require.NoError(t, c.ack(ackOf(message.StandardAck, got[i])))
				got = append(got, c.take(t, 1)...)
			}
			require.Equal(t, tc.left, sequencesOf(got[1:]))
			require.Zero(t, c.count())
			require.EqualValues(t, tc.n-1-len(tc.left), f.stats(news).Discarded)
			require.NoError(t, c.ack(ackOf(message.StandardAck, got[len(got)-1])))
			require.Zero(t, f.stats(news).Memory)
		})
	}
}

// The expired among those that wait go before others are discarded.
func TestEvictionLooksForExpired(t *testing.T) {
	for _, keep := range []bool{false, true} {
		var now atomic.Int64 // ms
		now.Store(1_000_000)
		f := start(t, governed(func(p *Policy) { p.PendingMessageLimit, p.Eviction.KeepExpired = 3, keep }),
			func(o *Options) { o.Now = func() time.Time { return time.UnixMilli(now.Load()) } })
		c := f.connect()
		c.consumer(1, news, 1)
		p := c.producer(1, news)
		c.sendN(p, news, 1, transient)
		require.NoError(t, c.send(c.make(p, news, transient)))
		require.NoError(t, c.send(c.make(p, news, transient, func(m *message.Message) { m.Expiration = 1_000_010 })))
		require.NoError(t, c.send(c.make(p, news, transient)))
		now.Add(1000)
		require.NoError(t, c.send(c.make(p, news, transient)))
		s := f.stats(news)
		if keep {
			require.Equal(t, []int64{0, 1}, []int64{s.Expired, s.Discarded})
		} else {
			require.Equal(t, []int64{1, 0}, []int64{s.Expired, s.Discarded})
		}
	}
}

// What has expired when its transaction is committed is not delivered.
func TestExpiredBeforeCommit(t *testing.T) {
	var now atomic.Int64 // ms
	now.Store(1_000_000)
	f := start(t, func(o *Options) { o.Now = func() time.Time { return time.UnixMilli(now.Load()) } })
	c, d := f.connect(), f.connect()
	c.consumer(1, news, 10)
	d.consumer(1, news, 10)
	p, tx := c.producer(1, news), c.begin(1)
	for i := range 4 {
		require.NoError(t, c.send(c.make(p, news, transient, func(m *message.Message) {
			m.Transaction = tx
			if i%2 == 1 {
				m.Expiration = 1_000_010
			}
		})))
	}
	now.Add(1000)
	require.NoError(t, c.commit(tx))
	for _, reader := range []*client{c, d} {
		require.Equal(t, []int64{1, 3}, sequencesOf(reader.take(t, 2)))
	}
	s := f.stats(news)
	require.Equal(t, []int64{4, 0}, []int64{s.Expired, s.Memory})
}

// A persistent message that is discarded is a dead letter, once, as with
// ActiveMQ's default strategy.
func TestEvictedMessagesAreDeadLetters(t *testing.T) {
	f := start(t, governed(func(p *Policy) { p.PendingMessageLimit = 1 }))
	dlq := message.NewQueue("ActiveMQ.DLQ")
	c := f.connect()
	c.consumer(1, news, 1)
	c.consumer(2, news, 1)
	p := c.producer(1, news)
	c.sendN(p, news, 4)
	c.sendN(p, news, 2, transient)
	c.take(t, 2)
	eventually(t, "dead letters", func() bool { return f.stats(dlq).Size == 3 })
	require.EqualValues(t, 8, f.stats(news).Discarded)
	r := f.connect()
	r.consumer(1, dlq, 10)
	got := r.take(t, 3)
	require.Equal(t, count(2, 3), sequencesOf(got))
	cause, _, err := got[0].Message.Property(propertyCause)
	require.NoError(t, err)
	require.Contains(t, cause, "TopicSubDiscard. ID:ID:client-1:1:")
	eventually(t, "only what waits counts as memory", func() bool { return f.stats(news).Memory == c.make(p, news).Size() })
}

func TestPendingLimits(t *testing.T) {
	rate := func(x float64) func(*Policy) { return func(p *Policy) { p.PendingByRate, p.PendingRate = true, x } }
	limit := func(n int) func(*Policy) { return func(p *Policy) { p.PendingMessageLimit = n } }
	for _, tc := range []struct {
		policy   func(*Policy)
		prefetch int32
		own      int32
		want     int
	}{
		{limit(-1), 10, 0, -1}, {limit(-1), 10, -1, -1}, {limit(-1), 10, 7, 7},
		{limit(5), 10, 0, 5}, {limit(5), 10, 7, 5}, {limit(5), 10, 3, 3}, {limit(0), 10, 3, 0},
		{rate(0.5), 10, 0, 5}, {rate(2.5), 10, 0, 25}, {rate(0), 10, 0, 0}, {rate(1e18), 10, 0, maxPending},
		{rate(0.5), 10, 2, 2}, {rate(0.5), 0, 0, 0}, {rate(0.5), -5, 0, 0},
	} {
		p := DefaultPolicy()
		tc.policy(&p)
		require.Equal(t, tc.want, p.pendingLimit(&message.ConsumerInfo{PrefetchSize: tc.prefetch, MaximumPendingMessageLimit: tc.own}))
	}
}

// With a limit of 0 there is the prefetch and nothing else.
func TestNothingMayWait(t *testing.T) {
	f := start(t, governed(func(p *Policy) { p.PendingMessageLimit = 0 }))
	c := f.connect()
	c.consumer(1, news, 3)
	c.sendN(c.producer(1, news), news, 10)
	got := c.take(t, 3)
	require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
	require.Zero(t, c.count())
	require.EqualValues(t, 7, f.stats(news).Discarded)
	require.Zero(t, f.stats(message.NewQueue("ActiveMQ.DLQ")).Size)
}

// Acknowledgements of what was not delivered, or of what was acknowledged
// already, give no credit.
func TestStrayAcknowledgements(t *testing.T) {
	f := start(t)
	c := f.connect()
	id := c.consumer(1, news, 4)
	p := c.producer(1, news)
	c.sendN(p, news, 20)
	first := c.take(t, 4)
	strange := message.Delivery{Consumer: id, Destination: news, Message: c.make(p, news)}
	for _, a := range []*message.Ack{
		ackOf(message.StandardAck, strange),
		ackOf(message.IndividualAck, strange),
		{Type: message.StandardAck, Count: 5, Consumer: id, Last: strange.Message.ID},
		{Type: message.StandardAck, Count: -5, Consumer: id, First: first[0].Message.ID, Last: strange.Message.ID},
	} {
		require.NoError(t, c.ack(a))
		require.Zero(t, c.count())
	}
	require.NoError(t, c.ack(ackOf(message.IndividualAck, first[2])))
	require.Equal(t, []int64{5}, sequencesOf(c.take(t, 1)))
	require.NoError(t, c.ack(ackOf(message.IndividualAck, first[2])), "a second time")
	require.Zero(t, c.count())
	require.NoError(t, c.ack(ackOf(message.StandardAck, first...)))
	require.Equal(t, []int64{6, 7, 8}, sequencesOf(c.take(t, 3)))
	require.NoError(t, c.ack(ackOf(message.StandardAck, first...)), "a second time")
	require.Zero(t, c.count())
	require.EqualValues(t, 4, f.stats(news).InFlight)
	require.EqualValues(t, 4, f.stats(news).Dequeued)
	require.Error(t, c.ack(&message.Ack{Type: 99, Consumer: id}))
}

// In a transaction credit comes back with the commit; after a rollback the
// client still has the messages, and acknowledges them again.
func TestTransactedSubscriber(t *testing.T) {
	f := start(t)
	c := f.connect()
	c.consumer(1, news, 3)
	c.sendN(c.producer(1, news), news, 9)
	got := c.take(t, 3)
	ack := ackOf(message.StandardAck, got...)
	for i := range int64(2) {
		ack.Transaction = c.begin(i)
		require.NoError(t, c.ack(ack))
		require.Zero(t, c.count())
		if i == 0 {
			require.NoError(t, c.rollback(ack.Transaction))
			require.Zero(t, c.count())
			require.EqualValues(t, 3, f.stats(news).InFlight)
		} else {
			require.NoError(t, c.commit(ack.Transaction))
		}
	}
	require.Equal(t, count(4, 3), sequencesOf(c.take(t, 3)))
	require.EqualValues(t, 3, f.stats(news).Dequeued)
}

// Statistics are those of the topic that a message came from.
func TestPatternSubscriberCountsByTopic(t *testing.T) {
	f := start(t)
	c := f.connect()
	other := message.NewTopic("NEWS.WEATHER")
	c.consumer(1, message.NewTopic("NEWS.>"), 10)
	c.sendN(c.producer(1, news), news, 2)
	c.sendN(c.producer(2, other), other, 3)
	got := c.take(t, 5)
	require.EqualValues(t, 3, f.stats(other).InFlight)
	require.NoError(t, c.ack(ackOf(message.StandardAck, got[:4]...)))
	require.EqualValues(t, []int64{2, 0}, []int64{f.stats(news).Dequeued, f.stats(news).InFlight})
	require.EqualValues(t, []int64{2, 1}, []int64{f.stats(other).Dequeued, f.stats(other).InFlight})
	c.Connection.Close()
	require.Zero(t, f.stats(other).InFlight)
}

// A subscriber that does not read costs the others nothing, and no more memory
// than its limit.
func TestSlowSubscriberDelaysNobody(t *testing.T) {
	f := start(t, governed(func(p *Policy) { p.PendingMessageLimit = 50; p.DeadLetter.Queue = message.Destination{} }))
	slow, fast, sender := f.connect(), f.connect(), f.connect()
	slow.consumer(1, news, 1)
	fast.consumer(1, news, 100)
	p := sender.producer(1, news)
	size := sender.make(p, news).Size()
	for range 100 {
		sender.sendN(p, news, 100, transient)
		got := fast.take(t, 100)
		require.NoError(t, fast.ack(ackOf(message.StandardAck, got...)))
		require.LessOrEqual(t, f.stats(news).Memory, 51*size)
	}
	require.Equal(t, 1, slow.count())
	require.EqualValues(t, 100*100-51, f.stats(news).Discarded)
}

// What a client has given to its application makes room for more, unless the
// policy says otherwise.
func TestPrefetchExtensionOfSubscribers(t *testing.T) {
	for _, extend := range []bool{true, false} {
		f := start(t, governed(func(p *Policy) { p.UsePrefetchExtension = extend }))
		c := f.connect()
		c.consumer(1, news, 4)
		c.sendN(c.producer(1, news), news, 20)
		got := c.take(t, 4)
		require.NoError(t, c.ack(ackOf(message.DeliveredAck, got...)))
		if !extend {
			require.Zero(t, c.count())
			continue
		}
		c.take(t, 4)
		require.NoError(t, c.ack(ackOf(message.DeliveredAck, got...)), "again")
		require.Zero(t, c.count()-4)
		require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
		require.Equal(t, 4, c.count(), "what was extended is used up")
	}
}

// An advisory that is too much for its subscriber gives its memory back.
func TestDiscardedAdvisories(t *testing.T) {
	f := start(t, governed(func(p *Policy) { p.PendingMessageLimit = 1 }))
	c := f.connect()
	for _, name := range []string{"A", "B", "C", "D"} {
		c.producer(int64(name[0]), message.NewTopic(name))
	}
	id := c.consumer(1, message.NewTopic("ActiveMQ.Advisory.Topic"), 1)
	c.take(t, 1)
	require.NoError(t, c.RemoveConsumer(id, message.LastDeliveredUnset))
	used, _ := f.Broker.Memory()
	require.Zero(t, used)
}
