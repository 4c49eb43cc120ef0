package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func redelivering(p *RedeliveryPolicy, change ...func(*Redelivery)) func(*Options) {
	return func(o *Options) {
		o.SchedulerSupport = true
		o.Redelivery = &Redelivery{Policy: func(message.Destination) *RedeliveryPolicy { return p }}
		for _, f := range change {
			f(o.Redelivery)
		}
	}
}

func TestRedelivery(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, redelivering(&RedeliveryPolicy{
			MaximumRedeliveries: 3, InitialRedeliveryDelay: time.Second, RedeliveryDelay: time.Second,
			UseExponentialBackOff: true, BackOffMultiplier: 3, MaximumRedeliveryDelay: 5 * time.Second,
		}))
		c := f.connect()
		c.consumer(1, orders, 10)
		p := c.producer(1, orders)
		sent := c.make(p, orders)
		require.NoError(t, c.send(sent))
		for i, wait := range []time.Duration{1, 3, 5} {
			require.NoError(t, c.ack(ackOf(message.PoisonAck, c.take(t, 1)...)))
			require.Empty(t, f.stored(orders))
			require.Len(t, f.stored(jobQueue), 1)
			time.Sleep(wait*time.Second - time.Millisecond)
			synctest.Wait()
			require.Zero(t, c.count())
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			require.Equal(t, 1, c.count(), "delivery %d", i)
			require.Equal(t, int64(wait)*1000, propertyOf(t, c.deliveries[0].Message, propertyRedeliveryDelay))
			require.Equal(t, int32(i+1), c.deliveries[0].RedeliveryCounter)
			require.Equal(t, sent.ID.Key(), c.deliveries[0].Message.ID.Key())
		}
		require.NoError(t, c.ack(ackOf(message.PoisonAck, c.take(t, 1)...)))
		require.Empty(t, f.stored(jobQueue))
		require.Len(t, f.stored(dlq), 1)
	})
}

// The same message for two destinations is delivered again to both.
func TestRedeliveryOfCopies(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, redelivering(&RedeliveryPolicy{MaximumRedeliveries: -1, InitialRedeliveryDelay: time.Second, RedeliveryDelay: time.Second}))
		c := f.connect()
		a, b := message.NewQueue("a"), message.NewQueue("b")
		c.consumer(1, a, 10)
		c.consumer(2, b, 10)
		p := c.producer(1, message.Destination{})
		require.NoError(t, c.send(c.make(p, message.NewQueue("a,b"))))
		for range 20 {
			for _, d := range c.take(t, 2) {
				require.NoError(t, c.ack(ackOf(message.PoisonAck, d)))
			}
			require.Len(t, f.stored(jobQueue), 2)
			time.Sleep(1001 * time.Millisecond)
			synctest.Wait()
		}
		require.Len(t, f.stored(a), 1)
		require.Len(t, f.stored(b), 1)
	})
}

func TestRedeliveryWithoutEnd(t *testing.T) {
	p := &RedeliveryPolicy{InitialRedeliveryDelay: time.Second, RedeliveryDelay: 2 * time.Second, UseExponentialBackOff: true,
		BackOffMultiplier: 10, MaximumRedeliveryDelay: -1}
	require.Equal(t, time.Second, p.delay(0))
	require.Equal(t, 10*time.Second, p.delay(1))
	require.Equal(t, 100*365*24*time.Hour, p.delay(1<<30))
	p.UseExponentialBackOff, p.CollisionAvoidance = false, 0.15
	for n := range int32(100) {
		require.InDelta(t, 2*time.Second, p.delay(n+1), float64(300*time.Millisecond))
	}
}

func TestRedeliveryDrops(t *testing.T) {
	for name, tt := range map[string]struct {
		policy *RedeliveryPolicy
		change func(*Redelivery)
		dead   int
	}{
		"no policy":            {nil, func(*Redelivery) {}, 1},
		"no policy, no letter": {nil, func(r *Redelivery) { r.DropWithoutPolicy = true }, 0},
		"exceeded":             {&RedeliveryPolicy{}, func(*Redelivery) {}, 1},
		"exceeded, no letter":  {&RedeliveryPolicy{}, func(r *Redelivery) { r.DropIfMaxRetriesExceeded = true }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, redelivering(tt.policy, tt.change))
			c := f.connect()
			c.consumer(1, orders, 10)
			require.NoError(t, c.send(c.make(c.producer(1, orders), orders)))
			require.NoError(t, c.ack(ackOf(message.PoisonAck, c.take(t, 1)...)))
			require.Len(t, f.stored(dlq), tt.dead)
			require.Empty(t, f.stored(orders))
			require.Empty(t, f.stored(jobQueue))
		})
	}
}

func TestRedeliveryToATopic(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, redelivering(&RedeliveryPolicy{MaximumRedeliveries: 1, InitialRedeliveryDelay: time.Second, RedeliveryDelay: time.Second}))
		c := f.connect()
		news := message.NewTopic("news")
		c.consumer(1, news, 10, func(i *message.ConsumerInfo) { i.SubscriptionName = "s" })
		require.NoError(t, c.send(c.make(c.producer(1, news), news)))
		require.NoError(t, c.ack(ackOf(message.PoisonAck, c.take(t, 1)...)))
		time.Sleep(1001 * time.Millisecond)
		d := c.take(t, 1)[0]
		require.Equal(t, news, d.Message.Destination)
		require.NoError(t, c.ack(ackOf(message.PoisonAck, d)))
		require.Len(t, f.stored(dlq), 1)
	})
}
