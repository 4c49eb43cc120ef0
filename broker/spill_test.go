package broker

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// fullStore takes no new messages until there is room.
type fullStore struct {
	store.Store
	mu   sync.Mutex
	room chan struct{} // closed while there is room
}

func newFullStore(t *testing.T) *fullStore {
	return &fullStore{Store: newDisk(t), room: make(chan struct{})}
}

func (s *fullStore) Admit(ctx context.Context) error {
	s.mu.Lock()
	room := s.room
	s.mu.Unlock()
	select {
	case <-room:
		return nil
	default:
	}
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *fullStore) full(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if full {
		s.room = make(chan struct{})
	} else {
		close(s.room)
	}
}

// sendAsync sends n messages, each with an answer that nobody waits for yet.
func (c *client) sendAsync(p message.ProducerID, n, size int) (answers []outcome) {
	for range n {
		o := newOutcome()
		answers = append(answers, o)
		c.Send(c.t.Context(), c.make(p, orders, func(m *message.Message) { m.Content = make([]byte, size) }), true, o.done)
	}
	return answers
}

// A send that waits for the store leaves the connection's other commands
// alone; what waits passes on in order, nothing overtakes.
func TestFullStoreLeavesTheConnectionAlone(t *testing.T) {
	s := newFullStore(t)
	s.full(false)
	f := startOn(t, s)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 5)
	s.full(true)
	answers := c.sendAsync(p, 20, 10)

	c.consumer(1, orders, 100)
	d := c.take(t, 5)
	require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
	require.EqualValues(t, 5, f.stats(orders).Dequeued)
	for _, o := range answers {
		require.Empty(t, o, "answered while there is no room")
	}
	oneWay := make(chan struct{}) // it blocks, behind the others
	last := c.make(p, orders)
	go func() {
		defer close(oneWay)
		c.Send(context.Background(), last, false, func(error) {})
	}()
	s.full(false)
	for _, o := range answers {
		require.NoError(t, o.wait(t))
	}
	<-oneWay
	require.Equal(t, count(6, 21), sequencesOf(c.take(t, 21)))
}

// What waits is given up with the connection, which the client does not lose
// for it.
func TestSpillOfClosedConnectionIsAborted(t *testing.T) {
	s := newFullStore(t)
	f := startOn(t, s)
	c := f.connect()
	answers := c.sendAsync(c.producer(1, orders), 3, 10)
	c.Leave()
	for _, o := range answers {
		err := o.wait(t)
		require.ErrorIs(t, err, ErrAborted)
		require.NotErrorIs(t, err, ErrClosed)
	}
	s.full(false)
	require.Zero(t, f.stats(orders).Size)
}

// Beyond a bound the reader waits after all, and a connection that ends lets
// go of everything.
func TestSpillIsBounded(t *testing.T) {
	s := newFullStore(t)
	f := startOn(t, s)
	c := f.connect()
	p := c.producer(1, orders)
	answers := c.sendAsync(p, 4, maxSpilled/4+1)
	ctx, cancel := context.WithCancel(t.Context())
	blocked := newOutcome()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Send(ctx, c.make(p, orders), true, blocked.done)
	}()
	eventually(t, "the reader waits", func() bool {
		if c.Connection.mu.TryLock() {
			c.Connection.mu.Unlock()
			return false
		}
		return true
	})
	cancel()
	require.ErrorIs(t, blocked.wait(t), ErrClosed)
	<-done
	c.Connection.Close()
	for _, o := range answers {
		require.ErrorIs(t, o.wait(t), ErrClosed)
	}
	require.Zero(t, f.stats(orders).Size)
	s.full(false)
}

// A store that would rather refuse than wait is asked once.
func TestRefusalIsNoWait(t *testing.T) {
	f := startOn(t, refusing{newDisk(t)})
	c := f.connect()
	p := c.producer(1, orders)
	err := c.send(c.make(p, orders))
	require.ErrorIs(t, err, ErrResourceAllocation)
	require.True(t, errors.Is(err, store.ErrNoSpace))
}

type refusing struct{ store.Store }

func (refusing) Admit(context.Context) error { return store.ErrNoSpace }
