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
	require.Same(t, info, listing[0].data)
	require.Empty(t, f.advise.changed(listing))

	c := f.connect()
	c.consumer(1, message.NewTopic(advisoryConsumer+"Queue.>"), 100)
	c.take(t, 1)
	require.NoError(t, other.RemoveConsumer(id, 0))
	require.IsType(t, &message.RemoveInfo{}, c.take(t, 1)[0].Message.DataStructure)
	again := f.advise.changed(listing)
	require.Len(t, again, 1)
	require.Equal(t, &message.RemoveInfo{Object: id}, again[0].data)
	require.Empty(t, f.advise.changed(again))

	other.consumer(1, orders, 1)
	back := f.advise.changed(again)
	require.Len(t, back, 1)
	require.Equal(t, id, back[0].data.(*message.ConsumerInfo).ID)
	require.Empty(t, f.advise.changed(back))
}

// TestListenersBesideConsumers: whoever begins to listen while consumers come
// and go knows in the end of none that is not there.
func TestListenersBesideConsumers(t *testing.T) {
	f := start(t)
	busy, done := f.connect(), make(chan struct{})
	go func() {
		defer close(done)
		for n := range int64(2000) {
			id := message.ConsumerID{Connection: busy.session.Connection, Session: 1, Value: n % 3}
			_ = busy.AddConsumer(&message.ConsumerInfo{ID: id, Destination: orders, PrefetchSize: 1})
			_ = busy.RemoveConsumer(id, 0)
		}
	}()
	var listeners []*client
	for range 200 {
		c := f.connect()
		c.consumer(1, message.NewTopic(advisoryConsumer+">"), 10_000)
		listeners = append(listeners, c)
	}
	<-done
	for _, c := range listeners {
		known := map[message.ConsumerID]bool{}
		for _, d := range c.take(t, c.count()) {
			switch x := d.Message.DataStructure.(type) {
			case *message.ConsumerInfo:
				known[x.ID] = true
			case *message.RemoveInfo:
				delete(known, x.Object.(message.ConsumerID))
			}
		}
		require.Empty(t, known)
	}
}
