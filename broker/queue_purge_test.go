package broker

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// gated is a store that lets a test hold what reads a page.
type gated struct {
	*disk
	shut          atomic.Bool
	entered, open chan struct{}
}

func (s *gated) Page(dst []store.Entry, dest message.Destination, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	entries, err := s.disk.Page(dst, dest, after, limit, maxBytes)
	if s.shut.CompareAndSwap(true, false) {
		close(s.entered)
		<-s.open
	}
	return entries, err
}

// TestPurgeSeesWhatThePagerHas: a page that is just being read is neither in
// the window nor in the store alone.
func TestPurgeSeesWhatThePagerHas(t *testing.T) {
	for _, selector := range []string{"", "r"} {
		s := &gated{disk: newDisk(t), entered: make(chan struct{}), open: make(chan struct{})}
		f := startOn(t, s, small, func(o *Options) { o.ParseSelector = parseColours })
		c := f.connect()
		c.sendN(c.producer(1, orders), orders, 300, ofType("g"))
		_, err := f.Purge(t.Context(), message.NewQueue("OTHER"))
		require.ErrorIs(t, err, ErrUnknownDestination)
		q := f.registry.find(orders).(*queue)
		taken := int64(0)
		if selector == "" {
			taken = 40
		}
		s.shut.Store(true)
		c.consumer(1, orders, 40, selecting(selector))
		<-s.entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = f.Purge(ctx, orders)
		require.ErrorIs(t, err, context.Canceled)
		n, over := 0, newOutcome()
		go func() {
			var err error
			n, err = f.Purge(t.Context(), orders)
			over.done(err)
		}()
		eventually(t, "it waits", func() bool {
			q.mu.Lock()
			defer q.mu.Unlock()
			return q.idled != nil
		})
		close(s.open)
		require.NoError(t, over.wait(t))
		eventually(t, "the rest is in flight", func() bool { return f.stats(orders).Size == f.stats(orders).InFlight })
		require.EqualValues(t, 300, int64(n)+f.stats(orders).Size)
		require.LessOrEqual(t, f.stats(orders).Size, taken)
	}
}

// TestHeldPagerAnswers: a pull that comes while pagers are held is answered
// when they are not any more.
func TestHeldPagerAnswers(t *testing.T) {
	f := start(t)
	c := f.connect()
	id := c.consumer(1, orders, 0)
	q := f.registry.find(orders).(*queue)
	require.True(t, q.holdPager(t.Context()))
	q.mu.Unlock()
	require.NoError(t, c.Pull(&message.Pull{Consumer: id, TimeoutMS: -1}))
	require.Zero(t, c.count())
	q.mu.Lock()
	q.letPager()
	require.Nil(t, c.take(t, 1)[0].Message)
}
