package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/store"
)

// testCancel: a unit that was taken back leaves no trace, one that was not is
// done as usual.
func testCancel(t *testing.T, f Factory) {
	s := f.open(t)
	entered, release := make(chan struct{}), make(chan struct{})
	s.Append(store.Single(add(text(orders, 1, 1, 10)), true, func(error) {
		close(entered)
		<-release
	}))
	<-entered
	const n = 20
	var (
		called [n]atomic.Int32
		taken  [n]bool
		units  [n]*store.Unit
		wait   sync.WaitGroup
	)
	for i := range n {
		units[i] = store.Single(add(text(orders, 2, i, 10)), true, func(err error) {
			if err == nil {
				called[i].Add(1)
			}
			wait.Done()
		})
		wait.Add(1)
		s.Append(units[i])
	}
	for i := range n {
		if i%2 == 0 {
			if taken[i] = s.Cancel(units[i]); taken[i] {
				wait.Done()
			}
		}
	}
	close(release)
	wait.Wait()
	require.NoError(t, do(t, s, store.Single(add(text(orders, 3, 1, 10)), true, nil)))
	want := 2
	for i := range n {
		if taken[i] {
			require.Zero(t, called[i].Load(), "Done of a cancelled unit")
			require.False(t, s.Cancel(units[i]), "a unit is taken back once")
			continue
		}
		want++
		require.Equal(t, int32(1), called[i].Load())
		require.False(t, s.Cancel(units[i]), "a finished unit is not taken back")
	}
	entries := all(t, s, orders)
	require.Len(t, entries, want)
	for _, e := range entries {
		if e.Message.ID.Producer == producer(2) {
			require.False(t, taken[e.Message.ID.ProducerSequence], "a cancelled message is in the store")
		}
	}
}

func testAdmit(t *testing.T, f Factory) {
	s := f.open(t)
	require.NoError(t, s.Admit(background(t)))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Admit(ctx); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Admit(background(t)), store.ErrClosed)
}

// testClose: Close waits for what was appended, and nothing is taken after it.
func testClose(t *testing.T, f Factory) {
	s := f.open(t)
	var done atomic.Int32
	const n = 100
	for i := range n {
		s.Append(store.Single(add(text(orders, 1, i, 10)), false, func(err error) {
			if err == nil {
				done.Add(1)
			}
		}))
	}
	require.NoError(t, s.Close())
	require.Equal(t, int32(n), done.Load())
	require.ErrorIs(t, do(t, s, store.Single(add(text(orders, 1, n, 10)), true, nil)), store.ErrClosed)
	require.NoError(t, s.Close(), "closing twice is harmless")
	if f.Reopen == nil {
		return
	}
	s, _ = f.recover(t, s)
	require.Len(t, all(t, s, orders), n)
}
