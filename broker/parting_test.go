package broker

import (
	"testing"

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
