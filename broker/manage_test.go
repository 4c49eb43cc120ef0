package broker

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

var elsewhere = message.NewQueue("elsewhere")

// byType is a selector of tests: it names a JMSType.
type byType string

func (s byType) Match(m *message.Message, _ int32) bool { return m.Type == string(s) }

func withTypes(o *Options) {
	o.ParseSelector = func(text string) (Filter, error) {
		if strings.ContainsAny(text, " =") {
			return nil, fmt.Errorf("not a type: %s", text)
		}
		return byType(text), nil
	}
}

func typeOf(t string) func(*message.Message) { return func(m *message.Message) { m.Type = t } }

func TestMoveSelected(t *testing.T) {
	f := start(t, withTypes)
	c := f.connect()
	p := c.producer(1, orders)
	for n := range 10 {
		c.sendN(p, orders, 1, typeOf([]string{"even", "odd"}[n%2]))
	}
	n, err := f.Move(t.Context(), orders, Selection{Selector: "odd", Max: 3}, elsewhere)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.EqualValues(t, 7, f.stats(orders).Size)
	require.Zero(t, f.stats(orders).InFlight)
	c.consumer(1, elsewhere, 10)
	got := c.take(t, 3)
	require.Equal(t, []int64{2, 4, 6}, sequencesOf(got))
	require.Equal(t, orders, got[0].Message.OriginalDestination)
	require.Equal(t, elsewhere, got[0].Message.Destination)
	c.consumer(2, orders, 10)
	require.Equal(t, []int64{1, 3, 5, 7, 8, 9, 10}, sequencesOf(c.take(t, 7)))

	n, err = f.Move(t.Context(), orders, Selection{}, orders)
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = f.Move(t.Context(), orders, Selection{Selector: "a ="}, elsewhere)
	require.ErrorIs(t, err, ErrInvalidSelector)
	_, err = f.Move(t.Context(), message.NewQueue("none"), Selection{}, elsewhere)
	require.ErrorIs(t, err, ErrUnknownDestination)
}

// What is in the store alone is moved, too, and nothing comes back.
func TestMoveOutOfTheStore(t *testing.T) {
	f := start(t, withTypes)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 600, typeOf("a"))
	c.sendN(p, orders, 600, typeOf("b"))
	f = f.crash(withTypes)
	n, err := f.Move(t.Context(), orders, Selection{Selector: "b"}, elsewhere)
	require.NoError(t, err)
	require.Equal(t, 600, n)
	require.EqualValues(t, 600, f.stats(orders).Size)
	require.Zero(t, f.stats(orders).Memory)
	c = f.connect()
	c.consumer(1, elsewhere, 1000)
	require.Equal(t, count(601, 600), sequencesOf(c.take(t, 600)))
	c.consumer(2, orders, 1000)
	require.Equal(t, count(1, 600), sequencesOf(c.take(t, 600)))
	require.Zero(t, c.count())
}

func TestCopyAndRemove(t *testing.T) {
	f := start(t, withTypes)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 5, typeOf("a"))
	c.sendN(p, orders, 2, typeOf("a"), transient)
	n, err := f.Copy(t.Context(), orders, Selection{Selector: "a"}, elsewhere)
	require.NoError(t, err)
	require.Equal(t, 7, n)
	require.EqualValues(t, 7, f.stats(orders).Size)
	require.EqualValues(t, 7, f.stats(elsewhere).Size)
	c.consumer(1, elsewhere, 10)
	one := c.take(t, 7)[3].Message.ID
	n, err = f.Remove(t.Context(), orders, Selection{ID: one})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = f.Remove(t.Context(), orders, Selection{ID: one})
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = f.Remove(t.Context(), orders, Selection{})
	require.NoError(t, err)
	require.Equal(t, 6, n)
	require.Zero(t, f.stats(orders).Size)
}

func TestRetry(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	consumer := c.consumer(1, orders, 10)
	c.sendN(p, orders, 3)
	poison(t, c, c.take(t, 3)...)
	require.NoError(t, c.RemoveConsumer(consumer, 0))
	require.EqualValues(t, 3, f.stats(dlq).Size)
	n, err := f.Retry(t.Context(), dlq, Selection{})
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Zero(t, f.stats(dlq).Size)
	c.consumer(2, orders, 10)
	got := c.take(t, 3)
	require.Equal(t, []int64{1, 2, 3}, sequencesOf(got))
	require.Zero(t, got[0].RedeliveryCounter)
	poison(t, c, got...)
	require.EqualValues(t, 3, f.stats(dlq).Size, "they may die again")
	_, err = f.Retry(t.Context(), orders, Selection{})
	require.ErrorIs(t, err, ErrNotDeadLetters)
}

// What a topic's subscriber refused and somebody moved may be refused again.
func TestMovedDeadLetterOfTopicDiesAgain(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, news)
	c.consumer(1, news, 10, durableNamed("s"))
	c.sendN(p, news, 2)
	for round := range 3 {
		got := c.take(t, 2)
		require.Equal(t, []int64{1, 2}, sequencesOf(got), round)
		poison(t, c, got...)
		require.EqualValues(t, 2, f.stats(dlq).Size, round)
		n, err := f.Move(t.Context(), dlq, Selection{}, news)
		require.NoError(t, err)
		require.Equal(t, 2, n)
	}
}

// With what is in flight nothing happens.
func TestMoveLeavesWhatIsInFlight(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 4)
	c.sendN(p, orders, 10)
	got := c.take(t, 4)
	n, err := f.Move(t.Context(), orders, Selection{}, elsewhere)
	require.NoError(t, err)
	require.Equal(t, 6, n)
	require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
	require.Zero(t, f.stats(orders).Size)
	require.EqualValues(t, 6, f.stats(elsewhere).Size)
}

// TestTakenBeforeItArrives: an operator's page shows a message that is stored
// and not yet announced. He takes it, and no consumer gets it, too.
func TestTakenBeforeItArrives(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 1)
	before := c.take(t, 1)
	hold := make(chan struct{})
	f.store.(*disk).held = hold
	c.Send(t.Context(), c.make(p, orders), true, func(error) {})
	eventually(t, "it is stored", func() bool {
		entries, err := f.store.Page(nil, orders, 0, 10, 1<<20)
		require.NoError(t, err)
		return len(entries) == 2
	})
	var removed int
	var wait sync.WaitGroup
	wait.Go(func() {
		var err error
		removed, err = f.Remove(t.Context(), orders, Selection{})
		assert.NoError(t, err)
	})
	eventually(t, "it is taken", func() bool { return f.stats(orders).Dequeued == 1 })
	close(hold)
	wait.Wait()
	require.Equal(t, 1, removed)
	require.NoError(t, c.ack(ackOf(message.StandardAck, before...)))
	c.sendN(p, orders, 1)
	require.Equal(t, []int64{3}, sequencesOf(c.take(t, 1)))
}

// Beside producers, consumers and sweeps each message ends in one place.
func TestManageBesideConsumers(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		concurrent := rapid.Bool().Draw(r, "concurrent")
		window := rapid.IntRange(16, 64).Draw(r, "window")
		const total = 120
		f := start(t, withTypes, func(o *Options) {
			o.ConcurrentStoreAndDispatchQueues = concurrent
			o.Policy = func(message.Destination) Policy {
				p := DefaultPolicy()
				p.MaxPageSize = window
				return p
			}
		})
		c, p := f.connect(), f.connect()
		id := p.producer(1, orders)
		p.sendN(id, orders, total/2, typeOf("a"))
		c.consumer(1, orders, 7)
		var wait sync.WaitGroup
		wait.Go(func() { p.sendN(id, orders, total/2, typeOf("b")) })
		moved := 0
		wait.Go(func() {
			for range 5 {
				n, err := f.Move(context.Background(), orders, Selection{Selector: "b", Max: 30}, elsewhere)
				if err != nil {
					t.Errorf("move: %v", err)
				}
				moved += n
				if n, err = f.Remove(context.Background(), orders, Selection{Selector: "a", Max: 3}); err != nil {
					t.Errorf("remove: %v", err)
				}
				moved += n
			}
		})
		seen := map[int64]int{}
		wait.Go(func() {
			for f.stats(orders).Dequeued < total {
				c.peer.mu.Lock()
				list := c.peer.deliveries
				c.peer.deliveries = nil
				c.peer.mu.Unlock()
				for _, d := range list {
					seen[d.Message.ID.ProducerSequence]++
					if err := c.ack(ackOf(message.IndividualAck, d)); err != nil {
						t.Errorf("ack: %v", err)
					}
				}
			}
		})
		wait.Wait()
		require.Equal(t, total, moved+len(seen))
		for n, times := range seen {
			require.Equal(t, 1, times, "message %d", n)
		}
		eventually(t, "empty", func() bool { s := f.stats(orders); return s.Size == 0 && s.InFlight == 0 && s.Memory == 0 })
		f.close()
	})
}
