package broker

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// unitCounter is a disk that counts the Adds of each unit.
type unitCounter struct {
	*disk
	mu    sync.Mutex
	units []int // mu
}

func (s *unitCounter) Append(u *store.Unit) {
	n := 0
	for i := range u.Ops {
		if u.Ops[i].Action == store.Add {
			n++
		}
	}
	s.mu.Lock()
	if n > 0 {
		s.units = append(s.units, n)
	}
	s.mu.Unlock()
	s.disk.Append(u)
}

func (s *unitCounter) adds() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.units
	s.units = nil
	return n
}

var (
	virtualOrders = message.NewTopic("VirtualTopic.ORDERS")
	queueA        = message.NewQueue("Consumer.A.VirtualTopic.ORDERS")
	queueB        = message.NewQueue("Consumer.B.VirtualTopic.ORDERS")
)

func virtually(v ...VirtualDestination) func(*Options) {
	return func(o *Options) {
		o.Virtual = v
		o.ParseSelector = func(s string) (Filter, error) {
			if s == "bad" {
				return nil, fmt.Errorf("no selector")
			}
			return typed(s), nil
		}
	}
}

// typed is a selector that wants one JMSType.
type typed string

func (s typed) Match(m *message.Message, _ int32) bool { return m.Type == string(s) }

func withType(s string) func(*message.Message) {
	return func(m *message.Message) { m.Type = s }
}

func TestVirtualTopicFillsItsQueuesInOneUnit(t *testing.T) {
	s := &unitCounter{disk: newDisk(t)}
	f := startOn(t, s)
	c := f.connect()
	p := c.producer(1, virtualOrders)
	require.NoError(t, c.send(c.make(p, virtualOrders)))
	require.Empty(t, s.adds(), "no queue, no subscriber")
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: queueA}))
	require.NoError(t, c.send(c.make(p, virtualOrders)))
	c.consumer(1, queueB, 10)
	c.consumer(2, virtualOrders, 10)
	require.NoError(t, c.send(c.make(p, virtualOrders)))
	require.Equal(t, []int{1, 2}, s.adds())
	require.EqualValues(t, 2, f.stats(queueA).Size)
	require.EqualValues(t, 1, f.stats(queueB).Size)
	for _, d := range c.take(t, 2) {
		require.EqualValues(t, 3, d.Message.ID.ProducerSequence)
		if d.Consumer.Value == 1 {
			require.Equal(t, queueB, d.Message.Destination)
			require.Equal(t, virtualOrders, d.Message.OriginalDestination)
		} else {
			require.Equal(t, virtualOrders, d.Message.Destination)
			require.True(t, d.Message.OriginalDestination.IsZero())
		}
	}
}

func TestVirtualTopicInTransactions(t *testing.T) {
	s := &unitCounter{disk: newDisk(t)}
	f := startOn(t, s)
	c := f.connect()
	c.consumer(1, queueA, 10)
	c.consumer(2, queueB, 10)
	p := c.producer(1, virtualOrders)
	for n, end := range []func(message.TransactionID) error{c.rollback, c.commit} {
		tx := c.begin(int64(n) + 1)
		in := func(m *message.Message) { m.Transaction = tx }
		c.sendN(p, virtualOrders, 3, in)
		require.Zero(t, c.count())
		require.NoError(t, end(tx))
	}
	require.Equal(t, []int{6}, s.adds())
	require.Len(t, c.take(t, 6), 6)
}

func TestResentFanOutIsSuppressedOnce(t *testing.T) {
	f := start(t)
	c := f.connect(func(i *message.ConnectionInfo) { i.FaultTolerant, i.FailoverReconnect = true, true })
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: queueA}))
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: queueB}))
	p := c.producer(1, virtualOrders)
	m := c.make(p, virtualOrders)
	again := *m
	require.NoError(t, c.send(m))
	require.NoError(t, c.send(&again))
	require.EqualValues(t, 1, f.stats(queueA).Size)
	require.EqualValues(t, 1, f.stats(queueB).Size)
}

func TestWildcardConsumersOfVirtualTopicsHaveAQueue(t *testing.T) {
	f := start(t)
	c := f.connect()
	wild := message.NewQueue("Consumer.A.VirtualTopic.>")
	c.consumer(1, wild, 10)
	c.consumer(2, queueA, 10)
	c.consumer(3, message.NewQueue("Consumer.A.VirtualTopic.OTHER"), 10)
	c.sendN(c.producer(1, virtualOrders), virtualOrders, 3)
	got := map[int64]int{}
	for _, d := range c.take(t, 6) {
		got[d.Consumer.Value]++
	}
	require.Zero(t, c.count())
	require.Zero(t, got[3])
	require.GreaterOrEqual(t, got[1], 3, "its own queue, and a share of the other")
	require.EqualValues(t, 3, f.stats(wild).InFlight)
	require.EqualValues(t, 3, f.stats(queueA).InFlight)
}

func TestVirtualTopicQueuesOutliveTheMaster(t *testing.T) {
	f := start(t)
	c := f.connect()
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: queueA}))
	c.sendN(c.producer(1, virtualOrders), virtualOrders, 2)
	f = f.crash()
	c = f.connect()
	c.sendN(c.producer(2, virtualOrders), virtualOrders, 1)
	require.EqualValues(t, 3, f.stats(queueA).Size)
	c.consumer(1, queueA, 10)
	require.Len(t, c.take(t, 3), 3)
}

func TestVirtualTopicOptions(t *testing.T) {
	f := start(t, virtually(
		VirtualTopic{Name: "NEWS.>", Prefix: "To.*.", SelectorAware: true, Local: true},
		VirtualTopic{Name: "KEEP", Prefix: "To.*.", Postfix: ".END", KeepDestination: true},
	))
	c := f.connect()
	p := c.producer(1, message.Destination{})
	to := message.NewQueue("To.A.NEWS.SPORT")
	c.sendN(p, news, 1, withType("x"))
	c.consumer(1, to, 10, func(i *message.ConsumerInfo) { i.Selector = "x" })
	c.sendN(p, news, 1, withType("y"))
	c.sendN(p, news, 1, withType("x"), func(m *message.Message) { m.BrokerPath = []message.BrokerID{"ID:b"} })
	c.sendN(p, news, 1, withType("x"))
	require.Equal(t, count(4, 1), sequencesOf(c.take(t, 1)))
	require.EqualValues(t, 1, f.stats(to).Size)
	keep := message.NewTopic("KEEP")
	c.consumer(2, message.NewQueue("To.B.KEEP.END"), 10)
	c.sendN(p, keep, 1)
	d := c.take(t, 1)[0]
	require.Equal(t, keep, d.Message.Destination)
	require.True(t, d.Message.OriginalDestination.IsZero())
	// Virtual topics that are off are topics.
	c.consumer(3, queueA, 10)
	c.sendN(p, virtualOrders, 1)
	require.Zero(t, c.count())
}

func TestCompositeQueues(t *testing.T) {
	in, red, all, blue := message.NewQueue("IN"), message.NewQueue("RED"), message.NewTopic("ALL"), message.NewQueue("BLUE")
	size := func(f *fixture) []int64 {
		return []int64{f.stats(in).Size, f.stats(red).Size, f.stats(blue).Size, f.stats(all).Enqueued}
	}
	forwards := []Forward{{red, "red"}, {all, ""}, {blue, "blue"}}
	for _, tc := range []struct {
		name      string
		composite CompositeDestination
		red, none []int64
	}{
		{"forward only", CompositeDestination{in, forwards, true, false}, []int64{0, 1, 0, 1}, []int64{0, 0, 0, 1}},
		{"kept", CompositeDestination{in, forwards, false, false}, []int64{1, 1, 0, 1}, []int64{1, 0, 0, 1}},
		{"unmatched", CompositeDestination{in, forwards[:1], true, true}, []int64{0, 1, 0, 0}, []int64{1, 0, 0, 0}},
		{"pattern", CompositeDestination{message.NewQueue("*"), forwards[1:2], false, true}, []int64{0, 0, 0, 1}, []int64{0, 0, 0, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for what, want := range map[string][]int64{"red": tc.red, "none": tc.none} {
				s := &unitCounter{disk: newDisk(t)}
				f := startOn(t, s, virtually(tc.composite))
				c := f.connect()
				require.NoError(t, c.send(c.make(c.producer(1, in), in, withType(what))))
				require.Equal(t, want, size(f), what)
				require.LessOrEqual(t, len(s.adds()), 1)
			}
		})
	}
}

func TestVirtualDestinationsNest(t *testing.T) {
	in, other := message.NewQueue("IN"), message.NewQueue("OTHER")
	s := &unitCounter{disk: newDisk(t)}
	f := startOn(t, s, virtually(
		CompositeDestination{Destination: in, ForwardTo: []Forward{{virtualOrders, ""}, {other, ""}}, ForwardOnly: true},
		DefaultVirtualTopic(),
	), func(o *Options) { o.Mirror = &Mirror{Prefix: "Mirror."} })
	c := f.connect()
	c.consumer(1, queueA, 10)
	c.consumer(2, message.NewTopic("Mirror.>"), 10)
	c.sendN(c.producer(1, in), message.NewQueue("IN,OTHER"), 1)
	require.Equal(t, []int{2}, s.adds(), "OTHER gets it once")
	from := map[string]message.Destination{}
	for _, d := range c.take(t, 4) {
		from[d.Message.Destination.String()] = d.Message.OriginalDestination
	}
	require.Equal(t, virtualOrders, from[queueA.String()])
	require.Contains(t, from, "topic://Mirror.IN")
	require.Contains(t, from, "topic://Mirror.OTHER")
	require.Contains(t, from, "topic://Mirror."+queueA.Name)
	require.Zero(t, c.count())
	require.NoError(t, f.RemoveDestination(other))
	require.Error(t, f.RemoveDestination(queueA), "it has a consumer")
}

func TestCirclesAreRefused(t *testing.T) {
	a, b := message.NewQueue("A"), message.NewQueue("B.ALL")
	f := start(t, virtually(
		CompositeDestination{Destination: a, ForwardTo: []Forward{{message.NewQueue("C"), ""}}},
		CompositeDestination{Destination: message.NewQueue("C"), ForwardTo: []Forward{{a, ""}}},
		CompositeDestination{Destination: message.NewQueue("B.>"), ForwardTo: []Forward{{b, ""}}, ForwardOnly: true},
	))
	c := f.connect()
	p := c.producer(1, message.Destination{})
	err := c.send(c.make(p, a))
	require.ErrorIs(t, err, ErrInvalidDestination)
	require.ErrorContains(t, err, "queue://A -> queue://C -> queue://A")
	c.sendN(p, message.NewQueue("B.1"), 1)
	c.sendN(p, b, 1)
	require.EqualValues(t, 2, f.stats(b).Size)
	require.Zero(t, f.stats(message.NewQueue("B.1")).Size)
}

func TestBadVirtualDestinations(t *testing.T) {
	o := Options{Name: "test", ID: "ID:x", Store: newDisk(t)}
	virtually(CompositeDestination{Destination: orders, ForwardTo: []Forward{{orders, "bad"}}})(&o)
	_, err := New(o)
	require.ErrorIs(t, err, ErrInvalidSelector)
}

// Sends do not look at all queues: the way is planned once, for all producers.
func TestRoutesAreShared(t *testing.T) {
	f := start(t)
	c := f.connect()
	for i := range 100 {
		require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: message.NewQueue(fmt.Sprintf("Consumer.%d.VirtualTopic.ORDERS", i))}))
	}
	p, q := c.producer(1, virtualOrders), c.producer(2, virtualOrders)
	c.sendN(p, virtualOrders, 2, transient)
	c.sendN(q, virtualOrders, 2, transient)
	require.Same(t, &c.producers[p].route.fixed[0], &c.producers[q].route.fixed[0])
	require.Len(t, c.producers[p].route.fixed, 101)
	c.sendN(p, orders, 1, transient)
	version := f.registry.version.Load()
	c.consumer(1, message.NewQueue("UNRELATED"), 1)
	require.Equal(t, version, f.registry.version.Load(), "only a queue that is fed makes routes anew")
}

func TestDropOnResourceLimit(t *testing.T) {
	topic := message.NewTopic("VirtualTopic.X")
	f := start(t, virtually(VirtualTopic{Name: "VirtualTopic.>", Prefix: "Consumer.*.", DropOnResourceLimit: true}), func(o *Options) {
		o.SendFailIfNoSpace = true
		o.Policy = func(d message.Destination) Policy {
			p := DefaultPolicy()
			if d.Name == "Consumer.A.VirtualTopic.X" {
				p.MemoryLimit = 2000
			}
			return p
		}
	})
	c := f.connect()
	a, b := message.NewQueue("Consumer.A.VirtualTopic.X"), message.NewQueue("Consumer.B.VirtualTopic.X")
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: a}))
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: b}))
	p := c.producer(1, topic)
	c.sendN(p, topic, 5, transient)
	require.EqualValues(t, 2, f.stats(a).Size)
	require.EqualValues(t, 5, f.stats(b).Size)
	require.ErrorIs(t, c.send(c.make(p, a, transient)), ErrResourceAllocation)
}

func TestCompositeSendsOfExpiredMessages(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, message.Destination{})
	o := newOutcome()
	c.Send(context.Background(), c.make(p, message.NewQueue("A,B"), func(m *message.Message) { m.Expiration = 1 }), true, o.done)
	require.NoError(t, o.wait(t))
	require.EqualValues(t, 1, f.stats(message.NewQueue("A")).Expired)
	require.EqualValues(t, 1, f.stats(message.NewQueue("B")).Expired)
	require.EqualValues(t, 2, f.stats(message.NewQueue("ActiveMQ.DLQ")).Size)
}

func TestDeadLettersGoThroughVirtualDestinations(t *testing.T) {
	dlq, spare := message.NewQueue("ActiveMQ.DLQ"), message.NewQueue("SPARE")
	s := &unitCounter{disk: newDisk(t)}
	f := startOn(t, s, virtually(CompositeDestination{Destination: dlq, ForwardTo: []Forward{{spare, ""}}}))
	c := f.connect()
	p := c.producer(1, orders)
	require.NoError(t, c.send(c.make(p, orders, func(m *message.Message) { m.Expiration = 1 })))
	require.EqualValues(t, 1, f.stats(dlq).Size)
	require.EqualValues(t, 1, f.stats(spare).Size)
	require.Equal(t, []int{2}, s.adds())
}
