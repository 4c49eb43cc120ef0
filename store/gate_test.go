package store

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestGate(t *testing.T) { synctest.Test(t, testGate) }

func testGate(t *testing.T) {
	var mu sync.Mutex
	var g Gate
	var free int
	var failure error
	look := func() (bool, error) {
		if failure != nil {
			return false, failure
		}
		free--
		return free >= 0, nil
	}
	g.Open() // nobody waits
	free = 1
	require.NoError(t, g.Pass(t.Context(), &mu, look))

	through := make(chan error, 3)
	free = 0
	for range 3 {
		go func() { through <- g.Pass(t.Context(), &mu, look) }()
	}
	open := func(n int, err error) {
		mu.Lock()
		defer mu.Unlock()
		free, failure = n, err
		g.Open()
	}
	synctest.Wait()
	require.Empty(t, through)
	open(2, nil)
	synctest.Wait()
	require.Len(t, through, 2)
	open(0, ErrClosed)
	synctest.Wait()
	require.Len(t, through, 3)
	require.NoError(t, <-through)
	require.NoError(t, <-through)
	require.ErrorIs(t, <-through, ErrClosed)

	failure = nil
	ctx, cancel := context.WithCancel(t.Context())
	go func() { through <- g.Pass(ctx, &mu, look) }()
	synctest.Wait()
	cancel()
	require.ErrorIs(t, <-through, context.Canceled)
}
