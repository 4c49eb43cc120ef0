package broker

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// TestACopyOfWhatWasConsumedInMemory: B has taken messages that are not
// persistent, and A, which does not know, has given them to a consumer. What B
// has is not taken back.
func TestACopyOfWhatWasConsumedInMemory(t *testing.T) {
	const a, b, n = 0, 1, 3
	for name, kind := range map[string]message.AckType{"one by one": message.IndividualAck, "together": message.StandardAck} {
		t.Run(name, func(t *testing.T) {
			w := newWander(t, t, 2, nil)
			w.come(b)
			for range n {
				w.send(a, transient)
			}
			all := func(l *handLink) func() bool {
				return func() bool { w.pass(l, n); l.mu.Lock(); defer l.mu.Unlock(); return len(l.answered) == n }
			}
			w.eventually("all pass", all(w.link(a, b)))
			w.cut([2]int{a, b})
			w.leave(b)
			w.come(a)
			c := w.local[a]
			had := c.take(t, n)
			if kind == message.StandardAck {
				require.NoError(t, c.ack(ackOf(kind, had...)))
			} else {
				for _, d := range had {
					require.NoError(t, c.ack(ackOf(kind, d)))
				}
			}
			back := w.link(b, a)
			w.eventually("all go back", all(back))
			require.NoError(t, back.failure())
			require.Zero(t, c.count(), "nothing comes twice")
			require.Zero(t, w.nodes[a].stats(orders).Size)
		})
	}
}

// TestACopyOfWhatAConsumerHasInHand: B has taken messages that are in A's memory
// alone, A has given them to a consumer, and what B has comes back before that
// acknowledges them. It waits, and is taken only if the consumer gives its own
// back.
func TestACopyOfWhatAConsumerHasInHand(t *testing.T) {
	for _, persistent := range []bool{false, true} {
		for _, keeps := range []bool{false, true} {
			t.Run(fmt.Sprint("persistent ", persistent, ", keeps ", keeps), func(t *testing.T) {
				timed(t, func(t *testing.T) { testInHand(t, persistent, keeps) })
			})
		}
	}
}

func testInHand(t *testing.T, persistent, keeps bool) {
	const a, b, n = 0, 1, 3
	w := newWander(t, t, 2, func(o *Options) { o.ConcurrentStoreAndDispatchQueues = true })
	w.come(b)
	release := func() {}
	if persistent { // nothing gets to A's disk until then
		for range 2 { // those are stored before they are delivered
			w.send(a)
			w.carry(w.link(a, b), 1)
			w.eventually("it is consumed", func() bool { return w.consume(b, 1) == 1 })
		}
		hold := make(chan struct{})
		release = sync.OnceFunc(func() { close(hold) })
		defer release()
		w.nodes[a].store.Append(barrier(hold))
	}
	for range n {
		m := w.sends[a].make(w.prods[a], orders)
		m.Persistent = persistent
		w.sends[a].Send(t.Context(), m, false, func(error) {})
	}
	synctest.Wait()
	require.Equal(t, n, w.pass(w.link(a, b), n))
	synctest.Wait()
	w.cut([2]int{a, b})
	w.leave(b)
	c := w.nodes[a].connect()
	c.consumer(1, orders, 1000)
	had := c.take(t, n)
	back := w.link(b, a)
	synctest.Wait()
	require.Equal(t, n, w.pass(back, n))
	synctest.Wait()
	require.Equal(t, n, back.waiting, "all wait")
	require.Zero(t, c.count(), "nothing comes twice")
	if keeps {
		done := newOutcome()
		c.Acknowledge(ackOf(message.StandardAck, had...), true, done.done)
		release()
		require.NoError(t, done.wait(t))
	} else {
		release()
		c.Close()
	}
	synctest.Wait()
	require.NoError(t, back.failure())
	require.Len(t, back.answered, n)
	if keeps {
		require.Zero(t, c.count(), "nothing comes twice")
		require.Zero(t, w.nodes[a].stats(orders).Size)
		return
	}
	w.confirm(back)
	again := w.nodes[a].connect()
	again.consumer(1, orders, 1000)
	again.take(t, n)
	require.EqualValues(t, n, w.nodes[a].stats(orders).Size)
}

// TestBackBeforeItsSenderIsAnswered: a message that is stored goes on to another
// broker, and comes back from there, while the one that stores it has not come
// to answer who sent it. What comes back is the only copy by then.
func TestBackBeforeItsSenderIsAnswered(t *testing.T) {
	a := &start(t).bridged
	key := flightKey{orders, "ID:far-1:1:1"}
	path := []message.BrokerID{"ID:far"}
	var first, again, back error = ErrClosed, ErrClosed, ErrClosed
	noted := func(to *error) func(error) { return func(err error) { *to = err } }
	l := &arriving{key: key, way: landing{"far", 1}}
	require.True(t, begins(a, l, path, noted(&first)))
	require.False(t, begins(a, &arriving{key: key, way: l.way}, path, noted(&again)), "it is on its way")
	a.arrive(a.record(l), &store.Op{Seq: 1})
	x := &arriving{key: key, way: landing{"other", 3}}
	require.True(t, begins(a, x, append(path, "ID:near", "ID:other"), noted(&back)))
	a.settle(l, nil)
	require.NoError(t, again)
	require.ErrorIs(t, back, ErrClosed, "that is not the other's answer")
	require.Len(t, a.flights, 1)
	a.settle(x, nil)
	require.Empty(t, a.flights)
}

func begins(a *bridged, l *arriving, path []message.BrokerID, done func(error)) bool {
	fresh, _ := a.begin(l, path, done)
	return fresh
}
