package broker

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// underPolicy changes the policy of all destinations.
func underPolicy(change func(message.Destination, *Policy)) func(*Options) {
	return func(o *Options) {
		o.Policy = func(d message.Destination) Policy {
			p := DefaultPolicy()
			change(d, &p)
			return p
		}
	}
}

// individual is a strategy with ActiveMQ's prefixes.
func individual(change func(*DeadLetter)) func(*Options) {
	return underPolicy(func(d message.Destination, p *Policy) {
		prefix := "ActiveMQ.DLQ.Topic."
		if d.Kind.IsQueue() {
			prefix = "ActiveMQ.DLQ.Queue."
		}
		p.DeadLetter.Queue = message.NewQueue(prefix + d.Name)
		if change != nil {
			change(&p.DeadLetter)
		}
	})
}

func poison(t *testing.T, c *client, d ...message.Delivery) {
	t.Helper()
	a := ackOf(message.PoisonAck, d...)
	a.PoisonCause = &message.Throwable{Class: "java.lang.Throwable", Message: "no"}
	require.NoError(t, c.ack(a))
}

func TestIndividualDeadLetters(t *testing.T) {
	f := start(t, individual(nil))
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 1)
	poison(t, c, c.take(t, 1)...)
	first := message.NewQueue("ActiveMQ.DLQ.Queue." + orders.Name)
	c.consumer(2, first, 10)
	d := c.take(t, 1)
	require.Equal(t, first, d[0].Destination)
	// As in ActiveMQ, a dead letter queue is a queue like others, with a dead
	// letter queue of its own.
	poison(t, c, d...)
	second := message.NewQueue("ActiveMQ.DLQ.Queue." + first.Name)
	require.EqualValues(t, 1, f.stats(second).Size)
	require.Zero(t, f.stats(first).Size)
}

func TestDeadLetterTopic(t *testing.T) {
	dead := message.NewTopic("dead")
	f := start(t, underPolicy(func(_ message.Destination, p *Policy) { p.DeadLetter.Queue = dead }))
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 1)
	d := c.take(t, 1)
	c.consumer(2, dead, 10)
	poison(t, c, d...)
	got := c.take(t, 1)[0]
	require.Equal(t, dead, got.Destination)
	require.Equal(t, orders, got.Message.OriginalDestination)
	require.Zero(t, f.stats(orders).Size)
}

func TestDiscardedDeadLetters(t *testing.T) {
	plugin := &DeadLetterDiscard{Only: []*regexp.Regexp{regexp.MustCompile(regexp.QuoteMeta(orders.Name[:3]) + ".*")}}
	for name, change := range map[string]func(*Options){
		"strategy": underPolicy(func(_ message.Destination, p *Policy) { p.DeadLetter = DeadLetter{} }),
		"plugin":   func(o *Options) { o.DiscardDeadLetters = plugin },
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, change)
			c := f.connect()
			p := c.producer(1, orders)
			c.consumer(1, orders, 10)
			c.sendN(p, orders, 1)
			poison(t, c, c.take(t, 1)...)
			require.Zero(t, f.stats(orders).Size)
			require.Zero(t, f.stats(dlq).Enqueued)
			require.Zero(t, f.stats(orders).DeadLettered)
		})
	}
	require.EqualValues(t, 1, plugin.dropped.Load())
	temporary := message.Destination{Kind: message.TempQueue, Name: "ID:x:1"}
	require.False(t, plugin.covers(temporary))
	require.True(t, (&DeadLetterDiscard{TemporaryQueues: true}).covers(temporary))
	require.True(t, (&DeadLetterDiscard{All: true}).covers(message.NewQueue("other")))
}

func TestProcessNonPersistent(t *testing.T) {
	f := start(t, underPolicy(func(_ message.Destination, p *Policy) {
		p.DeadLetter.ProcessNonPersistent = true
		p.DeadLetter.Expiration = time.Hour
	}))
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 1, transient)
	poison(t, c, c.take(t, 1)...)
	c.consumer(2, dlq, 10)
	d := c.take(t, 1)[0].Message
	require.True(t, d.Persistent)
	require.Equal(t, "NON_PERSISTENT", property(t, d, "originalDeliveryMode"))
	require.Greater(t, d.Expiration, time.Now().UnixMilli())
	_, ok, err := d.Property("originalExpiration")
	require.NoError(t, err)
	require.False(t, ok, "it has an expiration of its own")
}

func TestProcessExpired(t *testing.T) {
	k := &clock{}
	f := start(t, k.set, underPolicy(func(_ message.Destination, p *Policy) { p.DeadLetter.ProcessExpired = false }))
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 2, func(m *message.Message) { m.Expiration = 1_000_500 })
	d := c.take(t, 2)
	require.NoError(t, c.ack(ackOf(message.ExpiredAck, d[0])))
	k.ms.Add(1000)
	poison(t, c, d[1]) // has expired in the meantime
	require.Zero(t, f.stats(orders).Size)
	require.Zero(t, f.stats(dlq).Enqueued)
}

// A topic's message that two subscriptions cannot take is one dead letter,
// unless they have dead letter queues of their own.
func TestDeadLettersOfDurableSubscriptions(t *testing.T) {
	for name, apart := range map[string]bool{"one": false, "each": true} {
		t.Run(name, func(t *testing.T) {
			f := start(t, individual(func(s *DeadLetter) { s.PerSubscription = apart }))
			a, b := f.connect(), f.connect()
			durable := func(i *message.ConsumerInfo) { i.SubscriptionName = "sub" }
			a.consumer(1, news, 10, durable)
			b.consumer(1, news, 10, durable)
			a.sendN(a.producer(1, news), news, 1)
			poison(t, a, a.take(t, 1)...)
			poison(t, b, b.take(t, 1)...)
			shared := message.NewQueue("ActiveMQ.DLQ.Topic." + news.Name)
			if !apart {
				require.EqualValues(t, 1, f.stats(shared).Size)
				return
			}
			for _, c := range []*client{a, b} {
				own := message.NewQueue(shared.Name + "." + c.info.ClientID + ":sub")
				require.EqualValues(t, 1, f.stats(own).Size, own.Name)
			}
			require.Zero(t, f.stats(shared).Enqueued)
		})
	}
}

func TestDeadLetterNames(t *testing.T) {
	s := DeadLetter{Queue: message.NewQueue("DLQ.t.end"), Suffix: ".end", PerSubscription: true}
	require.Equal(t, "DLQ.t.c:s.end", s.of(&durable{clientID: "c", name: "s"}).Name)
	require.Equal(t, "DLQ.t.end", s.of(nil).Name)
}

// What expires for a subscription that nobody is connected to.
func TestSweepOfOfflineSubscription(t *testing.T) {
	k := &clock{}
	f := start(t, k.set)
	c := f.connect(func(i *message.ConnectionInfo) { i.ClientID = "c" })
	durable := func(i *message.ConsumerInfo) { i.SubscriptionName = "sub" }
	c.consumer(1, news, 10, durable)
	c.Close()
	p := f.connect()
	id := p.producer(1, news)
	p.sendN(id, news, 3)
	p.sendN(id, news, 5, func(m *message.Message) { m.Expiration = 1_000_500 })
	k.ms.Add(1000)
	f.sweep()
	eventually(t, "expired", func() bool { return f.stats(news).Expired == 5 && f.stats(dlq).Size == 5 })
	require.Zero(t, f.stats(news).Memory)
	c = f.connect(func(i *message.ConnectionInfo) { i.ClientID = "c" })
	c.consumer(1, news, 10, durable)
	require.Equal(t, []int64{1, 2, 3}, sequencesOf(c.take(t, 3)))
	require.Zero(t, c.count())
}

// Expired messages behind others that nobody consumes are found in the end.
func TestSweepGoesOn(t *testing.T) {
	k := &clock{}
	f := start(t, k.set)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 500)
	c.sendN(p, orders, 5, func(m *message.Message) { m.Expiration = 1_000_500 })
	f = f.crash(k.set)
	k.ms.Add(1000)
	f.sweep()
	f.sweep()
	eventually(t, "swept", func() bool { return f.stats(orders).Size == 500 && f.stats(dlq).Size == 5 })
}

func TestSweepOnlyWhatIsDue(t *testing.T) {
	k := &clock{}
	other := message.NewQueue("never")
	f := start(t, k.set, underPolicy(func(d message.Destination, p *Policy) {
		p.ExpireMessagesPeriod = 5 * time.Second
		if d == other {
			p.ExpireMessagesPeriod = 0
		}
	}))
	c := f.connect()
	for _, dest := range []message.Destination{orders, other} {
		c.sendN(c.producer(int64(len(dest.Name)), dest), dest, 1, func(m *message.Message) { m.Expiration = 1_000_500 })
	}
	k.ms.Add(1000)
	f.sweepDue(f.now())
	require.EqualValues(t, 1, f.stats(orders).Size)
	k.ms.Add(5000)
	f.sweepDue(f.now())
	eventually(t, "swept", func() bool { return f.stats(orders).Size == 0 })
	require.EqualValues(t, 1, f.stats(other).Size)
}

func TestBurialsAreBounded(t *testing.T) {
	var s burials
	at := func(n int64) burial { return burial{key: message.MessageKey{Sequence: n}, to: dlq} }
	for n := range int64(maxBurials + 10) {
		require.True(t, s.enter(at(n)))
	}
	require.Len(t, s.seen, maxBurials)
	require.False(t, s.enter(at(maxBurials)))
	require.True(t, s.enter(at(0)), "the oldest are forgotten")
	s.leave(at(maxBurials))
	require.True(t, s.enter(at(maxBurials)))
}
