package broker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// purging lets idle destinations go at once, and a test say when.
func purging(timeout time.Duration) func(*Options) {
	return func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.GCInactiveDestinations, p.InactiveTimeoutBeforeGC = true, timeout
			return p
		}
	}
}

// ticks is a clock that a test turns.
type ticks struct{ *atomic.Int64 }

func (c ticks) Add(d time.Duration) ticks {
	c.Int64.Add(int64(d / time.Second))
	return c
}

func TestIdleDestinationsGo(t *testing.T) {
	var clock atomic.Int64 // s
	now := ticks{&clock}
	s := newDisk(t)
	f := startOn(t, s, purging(time.Minute), func(o *Options) { o.Now = func() time.Time { return time.Unix(clock.Load()+1000, 0) } })
	c := f.connect()
	idle, full, heard, written := message.NewQueue("IDLE"), message.NewQueue("FULL"), message.NewTopic("HEARD"), message.NewQueue("WRITTEN")
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: idle}))
	anonymous := c.producer(1, message.Destination{})
	c.sendN(anonymous, full, 1)
	consumer := c.consumer(1, heard, 1)
	c.producer(2, written)
	c.consumer(2, message.NewTopic("KEPT"), 1, func(i *message.ConsumerInfo) { i.SubscriptionName = "sub" })
	require.NoError(t, c.RemoveConsumer(message.ConsumerID{Connection: c.session.Connection, Session: 1, Value: 2}, 0))
	left := func() (names []string) {
		for _, s := range f.Destinations() {
			if !s.Destination.IsAdvisory() {
				names = append(names, s.Destination.Name)
			}
		}
		return names
	}
	require.Zero(t, f.purge(), "it marks them first")
	now.Add(59 * time.Second)
	require.Zero(t, f.purge())
	now.Add(time.Second)
	require.Equal(t, 1, f.purge())
	require.Equal(t, []string{"FULL", "WRITTEN", "HEARD", "KEPT"}, left())
	require.NoError(t, c.RemoveConsumer(consumer, 0))
	require.Zero(t, f.purge())
	now.Add(time.Minute)
	require.Equal(t, 1, f.purge())
	// One that is used again in between begins anew.
	c.sendN(anonymous, idle, 1, transient)
	d := c.consumer(3, idle, 1)
	require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 1)...)))
	require.NoError(t, c.RemoveConsumer(d, 0))
	require.Zero(t, f.purge())
	now.Add(30 * time.Second)
	require.NoError(t, c.RemoveConsumer(c.consumer(4, idle, 1), 0))
	now.Add(40 * time.Second)
	require.Zero(t, f.purge())
	now.Add(time.Minute)
	require.Equal(t, 1, f.purge())
	s.mu.Lock()
	defer s.mu.Unlock()
	require.False(t, s.dests[idle], "it is gone from the store")
	require.True(t, s.dests[full])
}

func TestPurgeRunsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, purging(time.Minute), func(o *Options) { o.PurgePeriod, o.PurgeAtOnce = 10*time.Second, 3 })
		c := f.connect()
		for i := range 5 {
			require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: message.NewQueue(fmt.Sprint("Q", i))}))
		}
		time.Sleep(75 * time.Second)
		synctest.Wait()
		require.Len(t, f.Destinations(), 2, "no more than three at a time")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Empty(t, f.Destinations())
		f.close()
	})
}

// TestNothingIsLostToThePurge sends to destinations, in transactions too, while
// these are removed as soon as they are empty. Every so often all producers
// wait until one has been, and in the end all are.
func TestNothingIsLostToThePurge(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		t.Run(fmt.Sprint("concurrent ", concurrent), func(t *testing.T) {
			f := start(t, purging(time.Nanosecond), func(o *Options) { o.ConcurrentStoreAndDispatchQueues = concurrent })
			const producers, rounds, spell = 4, 150, 30
			var wg sync.WaitGroup
			var sent atomic.Int64
			stop := make(chan struct{})
			purged := make(chan struct{}) // says that something was removed
			fanOut := message.NewQueue("Q0,Q1,topic://T")
			for i := range producers {
				c := f.connect()
				wg.Go(func() {
					p := c.producer(1, message.Destination{})
					for n := range rounds {
						if n%spell == spell-1 {
							select {
							case <-purged:
							case <-time.After(patience):
								t.Error("nothing is removed any more")
								return
							}
						}
						dest := message.NewQueue(fmt.Sprint("Q", (i+n)%3))
						copies := int64(1)
						if n%5 == 0 {
							dest, copies = fanOut, 2
						}
						change := func(m *message.Message) { m.Persistent = n%3 > 0 }
						if n%7 == 0 {
							tx := c.begin(int64(n))
							m := c.make(p, dest, change, func(m *message.Message) { m.Transaction = tx })
							if c.send(m) == nil && c.commit(tx) == nil {
								sent.Add(copies)
							}
						} else if c.send(c.make(p, dest, change)) == nil {
							sent.Add(copies)
						}
					}
				})
			}
			var purger sync.WaitGroup
			purger.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					for range f.purge() {
						select {
						case purged <- struct{}{}:
						default: // nobody waits
						}
					}
				}
			})
			got := drainAll(t, f, 3, func() { wg.Wait(); close(stop); purger.Wait() }, &sent)
			require.Equal(t, sent.Load(), got)
			require.EqualValues(t, producers*rounds*6/5, got)
			eventually(t, "all are removed", func() bool {
				f.purge()
				return len(f.Destinations()) == 0
			})
		})
	}
}

// drainAll consumes from Q0, Q1, …, with consumers that come and go, until
// what was sent has come.
func drainAll(t *testing.T, f *fixture, queues int, finish func(), sent *atomic.Int64) int64 {
	c := f.connect()
	finished := make(chan struct{})
	go func() { finish(); close(finished) }()
	over := false
	deadline := time.Now().Add(patience)
	var got int64
	for n := int64(1); time.Now().Before(deadline); n++ {
		id := c.consumer(n, message.NewQueue(fmt.Sprint("Q", n%int64(queues))), 1000)
		for c.count() > 0 {
			list := c.take(t, 1)
			o := newOutcome()
			c.Acknowledge(ackOf(message.IndividualAck, list...), true, o.done)
			if o.wait(t) == nil {
				got++
			}
		}
		require.NoError(t, c.RemoveConsumer(id, 0))
		c.peer.mu.Lock()
		c.deliveries = nil // given back
		c.peer.mu.Unlock()
		select {
		case <-finished:
			over = true
		default:
		}
		if over && got >= sent.Load() {
			break
		}
	}
	if !over {
		<-finished
	}
	return got
}

func TestMaxDestinations(t *testing.T) {
	pattern := message.NewQueue("LIMITED.>")
	f := start(t, func(o *Options) {
		o.Policy = func(d message.Destination) Policy {
			p := DefaultPolicy()
			if matches(pattern, d) {
				p.MaxDestinations, p.Pattern = 2, pattern
			} else if d.Kind == message.Topic {
				p.MaxDestinations = 1
			}
			return p
		}
	})
	c := f.connect()
	add := func(d message.Destination) error { return c.AddDestination(&message.DestinationInfo{Destination: d}) }
	one, two, three := message.NewQueue("LIMITED.1"), message.NewQueue("LIMITED.2"), message.NewQueue("LIMITED.3")
	require.NoError(t, add(one))
	require.NoError(t, add(two))
	require.NoError(t, add(one))
	err := add(three)
	require.ErrorIs(t, err, ErrLimit)
	require.EqualError(t, err, "The maxmimum number of destinations allowed (2) for the policy queue://LIMITED.> has already been reached.")
	p := c.producer(1, message.Destination{})
	require.ErrorIs(t, c.send(c.make(p, three)), ErrLimit)
	require.NoError(t, f.RemoveDestination(one))
	require.NoError(t, add(three))
	require.NoError(t, add(message.NewQueue("FREE")))
	c.consumer(1, message.NewTopic("ActiveMQ.Advisory.Queue"), 10)
	require.NoError(t, add(news))
	require.EqualError(t, add(message.NewTopic("MORE")), "The maxmimum number of destinations allowed (1) has already been reached.")
}

func TestDestinationsFromTheStart(t *testing.T) {
	f := start(t, func(o *Options) {
		o.Destinations = []message.Destination{orders, news, message.NewQueue("A/B,topic://C/D"), message.NewQueue(" ")}
		o.PathSeparator = "/"
	})
	for _, d := range []message.Destination{orders, news, message.NewQueue("A.B"), message.NewTopic("C.D")} {
		require.NotNil(t, f.registry.find(d), d.String())
	}
	c := f.connect()
	c.consumer(1, message.NewTopic("C/*"), 10)
	c.sendN(c.producer(1, message.NewTopic("C/D")), message.NewTopic("/C/ D?consumer.prefetchSize=1"), 2)
	require.Equal(t, message.NewTopic("C.D"), c.take(t, 2)[0].Message.Destination)
}

// TestRemovedQueueLosesNothingThatComesLater: what is sent after a queue was
// removed is in the next one of its name, whatever was under way.
func TestRemovedQueueLosesNothingThatComesLater(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	for range 20 {
		hold := newOutcome()
		c.Send(context.Background(), c.make(p, orders), true, hold.done)
		require.NoError(t, f.RemoveDestination(orders))
		require.NoError(t, hold.wait(t))
		require.NoError(t, c.send(c.make(p, orders)))
		require.EqualValues(t, 1, f.stats(orders).Size)
		require.NoError(t, f.RemoveDestination(orders))
	}
}
