package broker

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// ledStore notes which additions were left to a leader.
type ledStore struct {
	*disk
	lead func()
	room chan struct{} // not nil: Admit waits until it is closed

	mu    sync.Mutex
	units []bool // with additions: Led
}

func (s *ledStore) Append(u *store.Unit) {
	for i := range u.Ops {
		if u.Ops[i].Action == store.Add {
			s.mu.Lock()
			s.units = append(s.units, u.Led)
			s.mu.Unlock()
			break
		}
	}
	s.disk.Append(u)
}

func (s *ledStore) Admit(ctx context.Context) error {
	if s.room == nil {
		return nil
	}
	select {
	case <-s.room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *ledStore) Lead() {
	if s.lead != nil {
		s.lead()
	}
	s.disk.Lead()
}

func (s *ledStore) last() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.units[len(s.units)-1]
}

// TestALeaderHoldsNoLock: the connection is free for others, and so is the queue.
func TestALeaderHoldsNoLock(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		s := &ledStore{disk: newDisk(t)}
		f := start(t, func(o *Options) { o.Store, o.ConcurrentStoreAndDispatchQueues = s, concurrent })
		c := f.connect()
		p := c.producer(1, orders)
		leads := 0
		s.lead = func() {
			leads++
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.consumer(100+int64(leads), orders, 1)
				c.Send(context.Background(), c.make(p, orders, transient), true, func(error) {})
			}()
			<-done
		}
		require.NoError(t, c.send(c.make(p, orders)))
		require.Equal(t, 1, leads)
		require.True(t, s.last())
	}
}

// TestWhatIsLed: a message for one queue whose sender waits. What others carry
// out, at another time, is nobody's to lead: it would wait for ever.
func TestWhatIsLed(t *testing.T) {
	s := &ledStore{disk: newDisk(t)}
	f := start(t, func(o *Options) { o.Store = s })
	c := f.connect()
	both := message.NewQueue("one,two")
	p, anywhere := c.producer(1, orders), c.producer(2, message.Destination{})

	require.NoError(t, c.send(c.make(p, orders)))
	require.True(t, s.last())
	o := newOutcome()
	c.Send(context.Background(), c.make(p, orders), true, o.done)
	require.NoError(t, o.wait(t))
	require.False(t, s.last(), "not promised")
	require.NoError(t, c.send(c.make(anywhere, both)))
	require.False(t, s.last(), "several queues")

	s.room = make(chan struct{})
	o = newOutcome()
	c.SendLed(context.Background(), c.make(p, orders), o.done)
	close(s.room)
	require.NoError(t, o.wait(t))
	require.False(t, s.last(), "it had to wait for the store")
}
