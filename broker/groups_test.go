package broker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func inGroup(name string, sequence int32) func(*message.Message) {
	return func(m *message.Message) { m.GroupID, m.GroupSequence = name, sequence }
}

func withPolicy(change func(*Policy)) func(*Options) {
	return func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			change(&p)
			return p
		}
	}
}

// TestGroupsAreBounded sends more groups than are remembered, with names of
// any length.
func TestGroupsAreBounded(t *testing.T) {
	f := start(t, withPolicy(func(p *Policy) { p.Groups = GroupMap{Groups: 3} }))
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 1000)
	for i := range 50 {
		name := fmt.Sprint(i, strings.Repeat("x", i%2*5000))
		c.sendN(p, orders, 2, inGroup(name, 0))
	}
	for i, d := range c.take(t, 100) {
		require.Equal(t, i%2 == 0, d.Message.FirstForConsumer)
	}
	q := f.registry.find(orders).(*queue)
	q.mu.Lock()
	defer q.mu.Unlock()
	require.Len(t, q.rota.groups.byName, 3)
	require.Equal(t, 3, q.rota.groups.recent.Len())
	require.Equal(t, 3, q.rota.tiers[0].members[0].groups)
	for name := range q.rota.groups.byName {
		require.LessOrEqual(t, len(name), longName)
	}
}

// TestBuckets compares with what String.hashCode gives in Java.
func TestBuckets(t *testing.T) {
	g := groups{policy: GroupMap{Buckets: 1000}}
	for name, want := range map[string]int{"": 0, "a": 97, "Group-1": 579, "Zürich": 162, "polygenelubricants": 648, "\U0001F600": 899} {
		require.Equal(t, want, g.bucket(&message.Message{GroupID: name}), "%q", name)
	}
}

// TestEmptyGroup is about a name that is there and empty, which is a group,
// and one that is not there.
func TestEmptyGroup(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.consumer(2, orders, 10)
	c.sendN(p, orders, 4, func(m *message.Message) { m.Blanks = message.BlankGroupID })
	for _, d := range c.take(t, 4) {
		require.EqualValues(t, 1, d.Consumer.Value)
	}
	c.sendN(p, orders, 4)
	owners := map[int64]int{}
	for _, d := range c.take(t, 4) {
		owners[d.Consumer.Value]++
		require.False(t, d.Message.FirstForConsumer)
	}
	require.Equal(t, map[int64]int{1: 2, 2: 2}, owners)
}

// TestLastOfNobody is a group's last message that comes when nobody has it.
func TestLastOfNobody(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 1, inGroup("a", -1))
	c.sendN(p, orders, 1, inGroup("a", 7))
	for _, d := range c.take(t, 2) {
		require.True(t, d.Message.FirstForConsumer)
	}
}

// TestExpectedConsumers lets dispatch begin with the second consumer, or when
// the time is over, and anew when all have gone.
func TestExpectedConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, withPolicy(func(p *Policy) {
			p.ConsumersBeforeDispatchStarts, p.TimeBeforeDispatchStarts = 2, time.Minute
		}))
		defer f.close()
		c := f.connect()
		p := c.producer(1, orders)
		c.sendN(p, orders, 4, transient)
		one := c.consumer(1, orders, 10)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		require.Zero(t, c.count())
		two := c.consumer(2, orders, 10)
		require.Len(t, c.take(t, 4), 4)
		require.NoError(t, c.RemoveConsumer(one, message.LastDeliveredUnset))
		require.Len(t, c.take(t, 2), 2) // what the first had goes to the other at once
		require.NoError(t, c.RemoveConsumer(two, message.LastDeliveredUnset))
		c.consumer(3, orders, 10)
		synctest.Wait()
		require.Zero(t, c.count())
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, c.take(t, 4), 4)
	})
}

func TestPrefetchByPolicy(t *testing.T) {
	p := QueuePolicy{QueuePrefetch: 1, QueueBrowserPrefetch: 2, TopicPrefetch: 3, DurableTopicPrefetch: 4}
	queue, topic := message.ConsumerInfo{Destination: orders}, message.ConsumerInfo{Destination: message.NewTopic("t")}
	browser, durable := queue, topic
	browser.Browser, durable.SubscriptionName = true, "s"
	for _, test := range []struct {
		info *message.ConsumerInfo
		asks []int32
		gets []int32
	}{
		{&queue, []int32{1000, 999, 500, 0}, []int32{1, 999, 500, 0}},
		{&browser, []int32{500, 1000, 0}, []int32{2, 1000, 0}},
		{&topic, []int32{32767, 32766, 100}, []int32{3, 32766, 100}},
		{&durable, []int32{100, 1000, 32767}, []int32{4, 4, 32767}},
	} {
		for i, n := range test.asks {
			require.Equal(t, test.gets[i], p.prefetch(test.info, n), "%v asks for %d", test.info, n)
		}
	}
	standard := defaultQueuePolicy()
	for _, n := range []int32{0, 1, 100, 500, 1000, 32767} {
		for _, info := range []*message.ConsumerInfo{&queue, &browser, &topic, &durable} {
			require.Equal(t, n, standard.prefetch(info, n))
		}
	}
}

// TestLastOfGroup lets the consumer that ended a group not have it again while
// there is another.
func TestLastOfGroup(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	first := c.consumer(1, orders, 10)
	c.sendN(p, orders, 2, inGroup("a", 0))
	second := c.consumer(2, orders, 10)
	c.sendN(p, orders, 1, inGroup("a", -1))
	c.sendN(p, orders, 2, inGroup("a", 0))
	var had []message.ConsumerID
	for _, d := range c.take(t, 5) {
		had = append(had, d.Consumer)
	}
	require.Equal(t, []message.ConsumerID{first, first, first, second, second}, had)
}
