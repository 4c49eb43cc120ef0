package broker

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func byRule(rule DispatchRule) func(*Options) {
	return governed(func(p *Policy) {
		p.Dispatch = Dispatch{By: rule, ClientProperty: "PTP_CLIENTID", ClientSuffix: ".PTP"}
	})
}

func consumersOf(d []message.Delivery) (list []int64) {
	for i := range d {
		list = append(list, d[i].Consumer.Value)
	}
	return list
}

func TestDispatchOrder(t *testing.T) {
	for _, tc := range []struct {
		rule   DispatchRule
		first  []int64
		second []int64
	}{
		{InParallel, []int64{1, 2, 3}, []int64{1, 2, 3}},
		{InOrder, []int64{1, 2, 3}, []int64{1, 2, 3}},
		{InTurn, []int64{1, 2, 3}, []int64{2, 3, 1}},
		{ByPriority, []int64{2, 1, 3}, []int64{2, 1, 3}},
		{ByNetworkPriority, []int64{1, 2, 3}, []int64{1, 2, 3}},
		{ByClientID, []int64{1, 2, 3}, []int64{1, 2, 3}},
	} {
		f := start(t, byRule(tc.rule))
		c := f.connect()
		for i, priority := range []int8{0, 5, -1} {
			c.consumer(int64(i+1), news, 10, func(info *message.ConsumerInfo) { info.Priority = priority })
		}
		p := c.producer(1, news)
		c.sendN(p, news, 2)
		got := consumersOf(c.take(t, 6))
		require.Equal(t, [][]int64{tc.first, tc.second}, [][]int64{got[:3], got[3:]}, "rule %d", tc.rule)
	}
}

// Of two bridges that lead to the same consumer the one of higher priority
// gets the message.
func TestNetworkPriority(t *testing.T) {
	f := start(t, byRule(ByNetworkPriority))
	c := f.connect()
	far, other := message.ConsumerID{Connection: "far", Value: 1}, message.ConsumerID{Connection: "far", Value: 2}
	bridge := func(priority int8, path ...message.ConsumerID) func(*message.ConsumerInfo) {
		return func(i *message.ConsumerInfo) {
			i.NetworkSubscription, i.Priority, i.NetworkConsumerPath = true, priority, path
		}
	}
	c.consumer(1, news, 10, bridge(-10, far))
	c.consumer(2, news, 10, bridge(-5, far))
	c.consumer(3, news, 10, bridge(-7, far, far))
	c.consumer(4, news, 10, bridge(-20, other))
	c.consumer(5, news, 10)
	c.sendN(c.producer(1, news), news, 1)
	require.Equal(t, []int64{2, 4, 5}, consumersOf(c.take(t, 3)))
	require.Zero(t, c.count())
}

// A message that names a client is for that one alone, on topics that are for
// this; durable subscriptions of others do not keep it.
func TestClientIDFilter(t *testing.T) {
	f := start(t, byRule(ByClientID))
	private := message.NewTopic("NEWS.PTP")
	a, b, sender := f.connect(), f.connect(), f.connect()
	durable := func(i *message.ConsumerInfo) { i.SubscriptionName = "s" }
	for _, c := range []*client{a, b} {
		c.consumer(1, private, 10)
		c.consumer(2, private, 10, durable)
		c.consumer(3, news, 10)
	}
	p := sender.producer(1, message.Destination{})
	toB := with("PTP_CLIENTID", string(b.session.Connection))
	sender.sendN(p, private, 1, toB)
	require.Len(t, b.take(t, 2), 2)
	require.Zero(t, a.count())
	sender.sendN(p, news, 1, toB)
	require.Zero(t, a.count()+b.count(), "no topic for that")
	sender.sendN(p, private, 1)
	require.Len(t, a.take(t, 2), 2)
	pending, err := f.store.PageSubscription(nil, private, string(a.session.Connection)+":s", 0, 10, 1<<20)
	require.NoError(t, err)
	require.Len(t, pending, 1)
}

// With strict order all subscribers see the messages of several producers in
// the same order.
func TestStrictOrder(t *testing.T) {
	f := start(t, byRule(InOrder))
	var clients []*client
	for range 4 {
		c := f.connect()
		c.consumer(1, news, 1000)
		clients = append(clients, c)
	}
	var producers sync.WaitGroup
	for range 4 {
		c := f.connect()
		p := c.producer(1, news)
		producers.Go(func() {
			for range 200 {
				c.Send(t.Context(), c.make(p, news, transient), false, func(error) {})
			}
		})
	}
	producers.Wait()
	idsOf := func(list []message.Delivery) (ids []message.MessageID) {
		for i := range list {
			ids = append(ids, list[i].Message.ID)
		}
		return ids
	}
	want := idsOf(clients[0].take(t, 800))
	for _, c := range clients[1:] {
		require.Equal(t, want, idsOf(c.take(t, 800)))
	}
}
