package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func (p *peer) toldToClose() []message.ConsumerID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

func endSlow(rule SlowConsumer) func(*Options) {
	return governed(func(p *Policy) { p.SlowConsumer = rule })
}

var abortSlow = SlowConsumer{Abort: AbortSlow, MaxCount: -1, MaxDuration: 5 * time.Second, CheckPeriod: 2 * time.Second, IgnoreNetwork: true}

// A subscriber for whom more than its prefetch waits is slow, and one that
// stays so is told to close, and closed if it does not. The others go on.
func TestSlowSubscriberIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, endSlow(abortSlow))
		slow, fast := f.connect(), f.connect()
		id := slow.consumer(1, news, 2)
		slow.consumer(2, news, 2, func(i *message.ConsumerInfo) { i.NetworkSubscription = true })
		fast.consumer(1, news, 1000)
		p := fast.producer(1, news)
		fast.sendN(p, news, 5, transient)
		require.Zero(t, f.stats(news).Slow)
		fast.sendN(p, news, 1, transient)
		require.EqualValues(t, 2, f.stats(news).Slow)
		fast.sendN(p, news, 10, transient)
		require.EqualValues(t, 2, f.stats(news).Slow, "once")

		time.Sleep(5 * time.Second)
		require.Empty(t, slow.toldToClose())
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, []message.ConsumerID{id}, slow.toldToClose())
		require.EqualValues(t, 3, f.stats(news).Consumers)
		time.Sleep(abortPatience)
		require.EqualValues(t, 2, f.stats(news).Consumers)

		got := slow.take(t, 1)
		require.NoError(t, slow.ack(ackOf(message.StandardAck, got...)), "of a consumer that is gone")
		require.NoError(t, slow.RemoveConsumer(id, message.LastDeliveredUnset), "the client is late")
		require.ErrorIs(t, slow.RemoveConsumer(id, message.LastDeliveredUnset), ErrUnknownConsumer)
		require.Empty(t, fast.toldToClose())
		time.Sleep(time.Minute)
		require.Len(t, slow.toldToClose(), 1)
		f.close()
	})
}

// One that recovers in between is not aborted for having been slow long
// enough in all.
func TestSlowSubscriberRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, endSlow(abortSlow))
		c := f.connect()
		c.consumer(1, news, 2)
		p := c.producer(1, news)
		for range 10 {
			c.sendN(p, news, 6, transient)
			time.Sleep(1900 * time.Millisecond)
			for range 3 {
				require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 2)...)))
			}
		}
		require.Empty(t, c.toldToClose())
		require.EqualValues(t, 10, f.stats(news).Slow)
		f.close()
	})
}

// Each time counts once, however many topics the subscriber has.
func TestSlowSubscriberIsAbortedByCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rule := abortSlow
		rule.MaxCount, rule.MaxDuration, rule.CheckPeriod = 3, -1, time.Minute
		f := start(t, endSlow(rule))
		c := f.connect()
		c.consumer(1, message.NewTopic("NEWS.>"), 2)
		p := c.producer(1, message.Destination{})
		c.sendN(p, message.NewTopic("NEWS.WEATHER"), 1, transient)
		require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 1)...)))
		turnSlow := func() { c.sendN(p, news, 6, transient) }
		recovers := func() {
			for range 3 {
				require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 2)...)))
			}
		}
		turnSlow()
		recovers()
		turnSlow()
		time.Sleep(time.Minute + time.Second)
		require.EqualValues(t, 2, f.stats(message.NewTopic("NEWS.WEATHER")).Slow)
		require.Empty(t, c.toldToClose())
		recovers()
		turnSlow()
		time.Sleep(time.Minute)
		require.Len(t, c.toldToClose(), 1)
		f.close()
	})
}

func TestConnectionOfSlowConsumerIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rule := abortSlow
		rule.AbortConnection = true
		f := start(t, endSlow(rule))
		c := f.connect()
		c.consumer(1, news, 2)
		c.consumer(2, news, 2)
		c.sendN(c.producer(1, news), news, 6, transient)
		time.Sleep(7 * time.Second)
		require.ErrorIs(t, c.failure(), ErrTooSlow)
		require.EqualError(t, c.failure(), "2 Consumers was slow too often (>-1) or too long (>5000): ")
		require.Empty(t, c.toldToClose())
		f.close()
	})
}

// A durable subscriber is slow when it has all that it may have and more
// waits. What it had goes to its next consumer.
func TestSlowDurableSubscriberIsAborted(t *testing.T) {
	f := start(t, governed(func(p *Policy) {
		p.SlowConsumer = SlowConsumer{Abort: AbortSlow, MaxDuration: leastPeriod, CheckPeriod: leastPeriod}
	}))
	c := f.connect()
	durable := func(i *message.ConsumerInfo) { i.SubscriptionName = "s" }
	id := c.consumer(1, news, 2, durable)
	p := c.producer(1, news)
	c.sendN(p, news, 2)
	c.take(t, 2)
	require.Zero(t, f.stats(news).Slow)
	c.sendN(p, news, 1)
	eventually(t, "told to close", func() bool { return len(c.toldToClose()) == 1 })
	require.NoError(t, c.RemoveConsumer(id, message.LastDeliveredUnset))
	c.consumer(2, news, 10, durable)
	require.Equal(t, count(1, 3), sequencesOf(c.take(t, 3)))
}

// Who does not acknowledge is slow, whatever kind of consumer; who has nothing
// to acknowledge is not, nor who has just got something.
func TestSlowToAcknowledge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rule := SlowConsumer{
			Abort: AbortSlowAck, MaxCount: -1, MaxDuration: 10 * time.Second, CheckPeriod: 10 * time.Second,
			MaxSinceAck: 30 * time.Second, IgnoreIdle: true,
		}
		f := start(t, endSlow(rule))
		c := f.connect()
		q := message.NewQueue("Q")
		onQueue, onTopic := c.consumer(1, q, 10), c.consumer(2, news, 10)
		durable := c.consumer(3, news, 10, func(i *message.ConsumerInfo) { i.SubscriptionName = "s" })
		busy := c.consumer(4, message.NewQueue("R"), 1)
		c.consumer(5, message.NewQueue("EMPTY"), 1)
		p := c.producer(1, message.Destination{})
		time.Sleep(100 * time.Second)
		require.Empty(t, c.toldToClose())
		c.sendN(p, q, 1)
		c.sendN(p, news, 1)
		c.sendN(p, message.NewQueue("R"), 8)
		for range 7 {
			for _, d := range c.take(t, c.count()) {
				if d.Consumer == busy {
					require.NoError(t, c.ack(ackOf(message.StandardAck, d)))
				}
			}
			require.Empty(t, c.toldToClose())
			time.Sleep(5 * time.Second)
		}
		for range 2 {
			for _, d := range c.take(t, c.count()) {
				require.NoError(t, c.ack(ackOf(message.StandardAck, d)))
			}
			time.Sleep(5 * time.Second)
		}
		require.ElementsMatch(t, []message.ConsumerID{onQueue, onTopic, durable}, c.toldToClose())
		require.EqualValues(t, 1, f.stats(q).Slow)
		require.EqualValues(t, 2, f.stats(news).Slow)
		f.close()
	})
}

func TestIdleConsumersAreAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, endSlow(SlowConsumer{
			Abort: AbortSlowAck, MaxDuration: time.Second, CheckPeriod: time.Second, MaxSinceAck: 3 * time.Second,
		}))
		c := f.connect()
		id := c.consumer(1, message.NewQueue("Q"), 10)
		time.Sleep(2500 * time.Millisecond)
		require.Empty(t, c.toldToClose())
		time.Sleep(2 * time.Second)
		require.Contains(t, c.toldToClose(), id)
		f.close()
	})
}

// A durable subscriber that acknowledges is no longer slow, and not slow again
// before something else comes.
func TestSlowDurableSubscriberIsToldOnce(t *testing.T) {
	f := start(t)
	c := f.connect()
	c.consumer(1, news, 2, func(i *message.ConsumerInfo) { i.SubscriptionName = "s" })
	p := c.producer(1, news)
	c.sendN(p, news, 10)
	got := c.take(t, 2)
	eventually(t, "slow", func() bool { return f.stats(news).Slow == 1 })
	for range 5 {
		require.NoError(t, c.ack(ackOf(message.StandardAck, got[0])))
		got = append(got[1:], c.take(t, 1)...)
	}
	require.EqualValues(t, 1, f.stats(news).Slow)
	c.sendN(p, news, 3)
	eventually(t, "slow again", func() bool { return f.stats(news).Slow == 2 })
}

// A durable subscriber of several topics is slow at each of them, whichever
// it was that brought too much.
func TestSlowDurableSubscriberIsToldOfForEachTopic(t *testing.T) {
	f := start(t)
	c := f.connect()
	a, b := message.NewTopic("news.a"), message.NewTopic("news.b")
	c.consumer(1, message.NewTopic("news.>"), 2, func(i *message.ConsumerInfo) { i.SubscriptionName = "s" })
	p := c.producer(1, message.Destination{})
	c.sendN(p, a, 1)
	c.sendN(p, b, 10)
	eventually(t, "slow", func() bool { return f.stats(a).Slow == 1 && f.stats(b).Slow == 1 })
}
