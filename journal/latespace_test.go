package journal

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// TestSpaceMissedLate: a file system that takes writes and tells by the sync
// that it is full, as NFS does, costs new files and nothing else: what adds is
// refused until there is space.
func TestSpaceMissedLate(t *testing.T) {
	var full atomic.Bool
	var late sync.Map // files that were made without space
	fault := func(call vfs.Call, name string) error {
		if full.Load() && call == vfs.CallCreate {
			late.Store(name, true)
		}
		if _, ok := late.Load(name); ok && full.Load() && call == vfs.CallSync {
			return syscall.ENOSPC
		}
		return nil
	}
	o := testOptions(&vfs.Faulty{FS: vfs.NewMemory(), Fault: fault}, "/j")
	j := mustOpen(t, o)
	full.Store(true)
	added := int64(0)
	var err error
	for err == nil {
		if err = await(j, store.Single(addition(added+1), true, nil)); err == nil {
			added++
		}
	}
	require.ErrorIs(t, err, store.ErrNoSpace)
	require.NoError(t, j.failureOf())
	full.Store(false)
	require.Eventually(t, func() bool {
		return await(j, store.Single(addition(added+1), true, nil)) == nil
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, upTo(added+1), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}
