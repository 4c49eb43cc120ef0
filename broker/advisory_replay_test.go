package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// TestGoneWhileItIsTold: a new listener that hears of an end before it is told
// of the beginning knows at last that it has ended.
func TestGoneWhileItIsTold(t *testing.T) {
	f := start(t)
	other := f.connect()
	id := other.consumer(1, orders, 1)
	f.advise.mu.Lock()
	info := f.advise.consumers[id]
	f.advise.mu.Unlock()
	listing := f.advise.present(func(name string) bool { return name == about(advisoryConsumer, orders) })
	require.Len(t, listing, 1)
	require.Same(t, info.info, listing[0].data)
	require.Empty(t, f.advise.changed(listing))

	c := f.connect()
	c.consumer(1, message.NewTopic(advisoryConsumer+"Queue.>"), 100)
	c.take(t, 1)
	require.NoError(t, other.RemoveConsumer(id, 0))
	require.IsType(t, &message.RemoveInfo{}, c.take(t, 1)[0].Message.DataStructure)
	again := f.advise.changed(listing)
	require.Len(t, again, 1)
	require.Equal(t, removal(id), again[0].data)
	require.Empty(t, f.advise.changed(again))

	other.consumer(1, orders, 1)
	back := f.advise.changed(again)
	require.Len(t, back, 1)
	require.Equal(t, id, back[0].data.(*message.ConsumerInfo).ID)
	require.Empty(t, f.advise.changed(back))
}

// meddler is a filter that does something before its first message passes.
type meddler struct{ first func() }

func (f *meddler) Match(*message.Message, int32) bool {
	if first := f.first; first != nil {
		f.first = nil
		first()
	}
	return true
}

// TestGoesWhileItIsTold is the same for a whole listener: the consumer goes when
// the listing has been made, and nothing of it has been told.
func TestGoesWhileItIsTold(t *testing.T) {
	m := &meddler{}
	f := start(t, func(o *Options) { o.ParseSelector = func(string) (Filter, error) { return m, nil } })
	other := f.connect()
	id := other.consumer(1, orders, 1)
	m.first = func() { require.NoError(t, other.RemoveConsumer(id, 0)) }
	c := f.connect()
	c.consumer(1, message.NewTopic(advisoryConsumer+"Queue.>"), 100, func(i *message.ConsumerInfo) { i.Selector = "x" })
	last := c.take(t, c.count())
	require.Equal(t, removal(id), last[len(last)-1].Message.DataStructure)
}

// TestBridgesHearAll: what a bridge needs to know is not dropped because it does
// not read for a while, whatever the policy says; where it is too much, the
// bridge has to begin anew.
func TestBridgesHearAll(t *testing.T) {
	f := start(t, underPolicy(func(d message.Destination, p *Policy) { p.PendingMessageLimit = 10 }))
	bridge := f.connect()
	bridge.FromBroker("b")
	name := message.NewTopic(advisoryConsumer + "Queue." + orders.Name)
	id := bridge.consumer(1, name, 5)
	busy := f.connect()
	comeAndGo := func(n int) {
		for range n {
			consumer := busy.consumer(1, orders, 1)
			require.NoError(t, busy.RemoveConsumer(consumer, 0))
		}
	}
	comeAndGo(100)
	for range 40 {
		require.NoError(t, bridge.ack(ackOf(message.StandardAck, bridge.take(t, 5)...)))
	}
	require.Zero(t, f.stats(name).Discarded)
	require.NoError(t, bridge.failure())

	bridge.consumers[id].(*subscriber).limit = 10
	comeAndGo(7)
	require.NoError(t, bridge.failure())
	comeAndGo(1)
	require.ErrorIs(t, bridge.failure(), ErrTooSlow)
}
