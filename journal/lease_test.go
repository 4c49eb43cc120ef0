package journal

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// lease is a store.Lease that a test moves.
type lease struct {
	epoch uint64
	valid atomic.Bool
	lost  chan struct{}
	once  sync.Once
}

func newLease(epoch uint64) *lease {
	l := &lease{epoch: epoch, lost: make(chan struct{})}
	l.valid.Store(true)
	return l
}

func (l *lease) Epoch() uint64         { return l.epoch }
func (l *lease) Valid() bool           { return l.valid.Load() }
func (l *lease) Lost() <-chan struct{} { return l.lost }
func (l *lease) lose()                 { l.valid.Store(false); l.once.Do(func() { close(l.lost) }) }

// TestLeaseWindow: nothing is confirmed while the lease is not valid, and all
// of it when it is again.
func TestLeaseWindow(t *testing.T) {
	o, l := testOptions(vfs.NewMemory(), "/j"), newLease(1)
	o.Lease = l
	j := mustOpen(t, o)
	addMessages(t, j, 1, 3)
	l.valid.Store(false)
	done := make(chan error, 2)
	for i := int64(4); i <= 5; i++ {
		j.Append(store.Single(addition(i), i == 4, func(err error) { done <- err }))
	}
	select {
	case <-done:
		require.Fail(t, "confirmed without a valid lease")
	case <-time.After(50 * time.Millisecond):
	}
	require.Equal(t, upTo(3), sequences(t, j, testQueue))
	l.valid.Store(true)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Equal(t, upTo(5), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}

// TestLeaseClosesBehindTheSync: the check comes after the sync. What was
// written meanwhile is not confirmed.
func TestLeaseClosesBehindTheSync(t *testing.T) {
	l := newLease(1)
	var armed atomic.Bool
	fs := &vfs.Faulty{FS: vfs.NewMemory(), Fault: func(vfs.Call, string) error { return nil }}
	fs.After = func(call vfs.Call, _ string) {
		if call == vfs.CallSync && armed.Load() {
			l.lose()
		}
	}
	o := testOptions(fs, "/j")
	o.Lease = l
	j := mustOpen(t, o)
	addMessages(t, j, 1, 3)
	j.allocator.interrupt() // its syncs shall not count
	<-j.allocator.done
	armed.Store(true)
	err := await(j, store.Single(addition(4), true, nil))
	require.ErrorIs(t, err, store.ErrLeaseLost)
	require.ErrorIs(t, err, store.ErrFailed)
	<-j.Failed()
	require.Equal(t, upTo(3), sequences(t, j, testQueue))
	_ = j.Close()
}

// TestLostLeaseWritesNothing: from the moment of the loss on no byte is
// written.
func TestLostLeaseWritesNothing(t *testing.T) {
	l := newLease(1)
	var lost, writes atomic.Int32
	fs := &vfs.Faulty{FS: vfs.NewMemory(), Fault: func(call vfs.Call, _ string) error {
		if call != vfs.CallRead && call != vfs.CallOpen && call != vfs.CallClose && lost.Load() == 1 {
			writes.Add(1)
		}
		return nil
	}}
	o := testOptions(fs, "/j")
	o.Lease = l
	j := mustOpen(t, o)
	addMessages(t, j, 1, 3)
	require.Eventually(t, func() bool { j.allocator.mu.Lock(); defer j.allocator.mu.Unlock(); return j.allocator.spare != nil },
		10*time.Second, time.Millisecond)
	l.lose()
	lost.Store(1)
	<-j.Failed()
	require.ErrorIs(t, await(j, store.Single(addition(4), true, nil)), store.ErrLeaseLost)
	require.Error(t, j.Admit(t.Context()))
	_ = j.Collect()
	_ = j.Close()
	require.Zero(t, writes.Load())
}

// TestDeposedMaster: a master that does not know that it was deposed goes on
// writing, into the void, and finds out when its file is full.
func TestDeposedMaster(t *testing.T) {
	dir := t.TempDir()
	open := func(epoch uint64) *Journal {
		o := testOptions(vfs.OS{}, dir)
		o.Lease = newLease(epoch)
		return mustOpen(t, o)
	}
	old := open(1)
	addMessages(t, old, 1, 5)
	next := open(2)
	require.Equal(t, upTo(5), sequences(t, next, testQueue))
	for i := int64(1000); i < 1500; i++ { // several files
		_ = await(old, store.Single(addition(i), true, nil))
	}
	<-old.Failed()
	_ = old.Close()
	addMessages(t, next, 6, 8)
	// What a broker without our care would have left.
	_, _, stray := tenBatches(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName(2)), stray, 0o644))
	require.NoError(t, next.Close())
	for epoch := uint64(3); epoch < 5; epoch++ {
		j := open(epoch)
		require.Equal(t, upTo(8), sequences(t, j, testQueue))
		require.Empty(t, j.Damage())
		require.Equal(t, epoch, j.Epoch())
		require.NoError(t, j.Close())
	}
	orphans, err := filepath.Glob(filepath.Join(dir, "*.orphan"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, fileName(2)+".orphan")}, orphans)
}

// TestInheritedFileIsReplaced: the newest file gets a new inode, so that its
// writer's appends never reach the journal, also where the copy did not
// happen for lack of space.
func TestInheritedFileIsReplaced(t *testing.T) {
	for _, capacity := range []int64{0, 10 << 10} {
		disk := vfs.NewMemory()
		o := testOptions(disk, "/j")
		o.NoPreallocation = true
		old := mustOpen(t, o)
		addMessages(t, old, 1, 5)
		disk.SetCapacity(capacity)
		next := mustOpen(t, o)
		addMessages(t, next, 6, 6)
		disk.SetCapacity(0)
		addMessages(t, old, 1000, 1003)
		_ = old.Close()
		require.NoError(t, next.Close())
		for range 2 {
			j := mustOpen(t, o)
			require.Equal(t, upTo(6), sequences(t, j, testQueue))
			require.NoError(t, j.Close())
		}
	}
}

// TestEpochWithoutLease counts on.
func TestEpochWithoutLease(t *testing.T) {
	o := testOptions(vfs.NewMemory(), "/j")
	for epoch := uint64(1); epoch < 4; epoch++ {
		j := mustOpen(t, o)
		require.Equal(t, epoch, j.Epoch())
		addMessages(t, j, int64(epoch), int64(epoch))
		require.NoError(t, j.Close())
	}
}
