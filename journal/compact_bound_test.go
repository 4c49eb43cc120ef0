package journal

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

var oldQueue = message.NewQueue("OLD")

// sparse fills n files with messages that are taken at once, and a message
// that stays in the first of every ten.
func sparse(t require.TestingT, j *Journal, n uint32) (kept []int64) {
	var queued []store.Op
	last := uint32(0)
	first := j.writer.current.number
	for i := int64(1); j.writer.current.number < first+n; i++ {
		now := j.writer.current.number
		if now != last && (now-first)%10 == 0 {
			op := store.Op{Action: store.Add, Destination: oldQueue, Message: kilobyte(oldQueue, 2, int64(now))}
			require.NoError(t, await(j, store.Single(op, true, nil)))
			kept = append(kept, int64(now))
		}
		last = now
		u := store.Single(addition(i), false, nil)
		require.NoError(t, await(j, u))
		queued = append(queued, u.Ops[0])
		if len(queued) > 20 {
			require.NoError(t, await(j, store.Single(taking(queued[0]), false, nil)))
			queued = queued[1:]
		}
	}
	for _, op := range queued {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	return kept
}

// bound is what a directory may take: twice what is live, the file being
// written and the next, and what is held back for a full disk.
func bound(j *Journal) int64 {
	return 2*j.live() + 2*j.o.MaxFileLength + min(j.o.MaxFileLength, reserveLength)
}

// TestDiskBound: a message that stays for a year in every tenth of 300 files
// does not keep the others, nor more than itself; while there is load, too,
// and after a restart.
func TestDiskBound(t *testing.T) {
	disk := vfs.NewMemory()
	o := testOptions(disk, "/j")
	o.CompactRate = -1
	j := mustOpen(t, o)
	kept := sparse(t, j, 300)
	require.Len(t, kept, 30)
	require.NoError(t, j.Collect())
	require.Greater(t, disk.Used(), bound(j), "or there is nothing to show")
	before := disk.Used()
	load := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for i := int64(1_000_000); ; i++ {
			select {
			case <-load:
				return
			default:
			}
			u := store.Single(addition(i), true, nil)
			if await(j, u) != nil || await(j, store.Single(taking(u.Ops[0]), true, nil)) != nil {
				t.Error("refused")
				return
			}
		}
	})
	require.NoError(t, j.Compact())
	close(load)
	running.Wait()
	require.NoError(t, j.Collect())
	require.LessOrEqual(t, disk.Used(), bound(j))
	require.Equal(t, kept, sequences(t, j, oldQueue))
	c := j.Compaction()
	require.LessOrEqual(t, c.Files, int64(len(kept)+10), "what only stood behind them was deleted, not rewritten")
	t.Logf("%d bytes before, %d after, %d live; %+v", before, disk.Used(), j.live(), c)
	for range 2 {
		require.NoError(t, j.Close())
		j = mustOpen(t, o)
		require.Empty(t, j.Damage())
		require.Equal(t, kept, sequences(t, j, oldQueue))
		require.NoError(t, j.Collect())
		require.NoError(t, j.Compact())
		require.Eventually(t, func() bool { return disk.Used() <= bound(j) }, 10*time.Second, time.Millisecond)
	}
	require.NoError(t, j.Close())
}

// TestJanitorHoldsTheBound without being asked.
func TestJanitorHoldsTheBound(t *testing.T) {
	disk := vfs.NewMemory()
	o := testOptions(disk, "/j")
	o.CleanupInterval, o.CompactRate, o.CompactAfter = time.Millisecond, -1, 2
	j := mustOpen(t, o)
	j.compactor.settle = 0
	kept := sparse(t, j, 60)
	require.Eventually(t, func() bool { return disk.Used() <= bound(j) }, 10*time.Second, time.Millisecond)
	require.Equal(t, kept, sequences(t, j, oldQueue))
	require.NoError(t, j.Close())
	o.NoCompaction = true
	disk = vfs.NewMemory()
	o.FS = disk
	j = mustOpen(t, o)
	sparse(t, j, 60)
	require.Zero(t, j.Compaction())
	require.Greater(t, disk.Used(), bound(j))
	require.NoError(t, j.Close())
}

// TestReadersDuringCompaction: a page has whole messages, each once and in
// order, while files are replaced under it.
func TestReadersDuringCompaction(t *testing.T) {
	o := smallFiles(vfs.NewMemory())
	o.CompactRate = -1
	j := mustOpen(t, o)
	var kept []int64
	var ops []store.Op
	for i := int64(1); j.writer.current.number < 12; i++ {
		u := store.Single(addition(i), false, nil)
		require.NoError(t, await(j, u))
		ops = append(ops, u.Ops[0])
	}
	for i, op := range ops {
		if i%2 == 0 {
			kept = append(kept, op.Message.ID.ProducerSequence)
		}
	}
	var stop atomic.Bool
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for !stop.Load() {
				page, err := j.Page(nil, testQueue, 0, 10_000, 1<<40)
				if err != nil {
					t.Error(err)
					return
				}
				at := 0
				for _, e := range page {
					for at < len(ops) && ops[at].Message.ID != e.Message.ID {
						at++
					}
				}
				if at == len(ops) || len(page) < len(kept) {
					t.Errorf("a page of %d messages is out of order or short", len(page))
					return
				}
			}
		})
	}
	for i, op := range ops {
		if i%2 == 1 {
			require.NoError(t, await(j, store.Single(taking(op), false, nil)))
		}
		if i%5 == 0 {
			for _, n := range j.segments.numbers()[:len(j.segments.numbers())-1] {
				squeeze(t, j, n)
			}
		}
	}
	stop.Store(true)
	running.Wait()
	require.NotZero(t, j.Compaction().Files)
	require.Zero(t, j.Unreadable())
	require.Equal(t, kept, sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}

// journalNames lists the journal files and what is being rewritten.
func journalNames(t require.TestingT, disk vfs.FS) (found []string) {
	names, err := disk.List("/j")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, ".log") || strings.HasSuffix(name, compactSuffix) {
			found = append(found, name)
		}
	}
	return found
}

// TestDeposedCompactor: a master that is stopped between its last look at the
// lease and the rename finds, when it goes on, that there is nothing to rename:
// what its successor has forgotten does not come back.
func TestDeposedCompactor(t *testing.T) {
	disk := vfs.NewMemory()
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var armed atomic.Bool
	o := testOptions(&vfs.Faulty{FS: disk, Fault: func(call vfs.Call, name string) error {
		if call == vfs.CallRename && strings.HasSuffix(name, fileName(1)) && armed.Load() {
			once.Do(func() { close(reached); <-goOn })
		}
		return nil
	}}, "/j")
	old := newLease(1)
	o.Lease, o.CompactRate = old, -1
	j := mustOpen(t, o)
	kept := sparse(t, j, 31)
	armed.Store(true)
	done := make(chan error, 1)
	go func() { done <- j.Compact() }()
	<-reached

	o.FS, o.Lease = disk, newLease(2)
	next := mustOpen(t, o)
	page, err := next.Page(nil, oldQueue, 0, 10, 1<<20)
	require.NoError(t, err)
	for _, e := range page[:2] {
		require.NoError(t, await(next, store.Single(store.Op{Action: store.Remove, Destination: oldQueue, ID: e.Message.ID, Seq: e.Seq}, true, nil)))
	}
	fillFiles(t, next, 2)
	require.NoError(t, next.Collect())
	require.NoError(t, next.Compact())
	before := journalNames(t, disk)

	old.valid.Store(false)
	close(goOn)
	require.ErrorIs(t, <-done, fs.ErrNotExist)
	old.lose()
	_ = j.Close()
	require.ElementsMatch(t, before, journalNames(t, disk), "it has left nothing, and brought nothing back")
	for range 2 {
		require.Equal(t, kept[2:], sequences(t, next, oldQueue))
		require.NoError(t, next.Close())
		next = mustOpen(t, o)
	}
	require.NoError(t, next.Close())
}

// TestCompactionWithoutLease: without a valid lease nothing is renamed, and
// not even the copy is touched again.
func TestCompactionWithoutLease(t *testing.T) {
	disk := vfs.NewMemory()
	l := newLease(1)
	o := testOptions(&vfs.Faulty{FS: disk, Fault: func(call vfs.Call, name string) error {
		if call == vfs.CallSync && strings.HasSuffix(name, compactSuffix) {
			l.valid.Store(false)
		}
		return nil
	}}, "/j")
	o.Lease, o.CompactRate = l, -1
	j := mustOpen(t, o)
	sparse(t, j, 12)
	size, err := disk.Size("/j/" + fileName(1))
	require.NoError(t, err)
	require.ErrorIs(t, j.Compact(), store.ErrLeaseLost)
	now, err := disk.Size("/j/" + fileName(1))
	require.NoError(t, err)
	require.Equal(t, size, now)
	left := 0
	names, err := disk.List("/j")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, compactSuffix) {
			left++
		}
	}
	require.NotZero(t, left)
	l.lose()
	_ = j.Close()
	o.Lease = nil
	j = mustOpen(t, o)
	names, err = disk.List("/j")
	require.NoError(t, err)
	for _, name := range names {
		require.False(t, strings.HasSuffix(name, compactSuffix), name)
	}
	require.NoError(t, j.Close())
}

// TestFaultsOfTheCopy: a copy that cannot be written is dropped, and the file
// stays as it is; the journal goes on. A full disk is tried again.
func TestFaultsOfTheCopy(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for _, call := range []vfs.Call{vfs.CallCreate, vfs.CallWrite, vfs.CallSync, vfs.CallClose} {
			t.Run(fmt.Sprintf("%v,call=%d", cause, call), func(t *testing.T) {
				disk := vfs.NewMemory()
				var failing atomic.Bool
				failing.Store(true)
				o := testOptions(&vfs.Faulty{FS: disk, Fault: func(c vfs.Call, name string) error {
					if c == call && strings.HasSuffix(name, compactSuffix) && failing.Load() {
						return cause
					}
					return nil
				}}, "/j")
				o.CompactRate = -1
				j := mustOpen(t, o)
				kept := sparse(t, j, 25)
				require.ErrorIs(t, j.Compact(), cause)
				require.NotZero(t, j.Compaction().Failed)
				require.Zero(t, j.Compaction().Files)
				names, err := disk.List("/j")
				require.NoError(t, err)
				for _, name := range names {
					require.False(t, strings.HasSuffix(name, compactSuffix), name)
				}
				require.NoError(t, j.failureOf())
				addMessages(t, j, 50_000, 50_001)
				if failing.Store(false); cause == syscall.ENOSPC {
					require.NoError(t, j.Compact())
					require.Equal(t, int64(len(kept)), j.Compaction().Files)
				}
				require.Equal(t, kept, sequences(t, j, oldQueue))
				require.NoError(t, j.Close())
			})
		}
	}
}

// TestFaultsOfTheSwap: when it is not known whether a file was replaced, the
// journal ends, and what is on disk is right either way.
func TestFaultsOfTheSwap(t *testing.T) {
	for _, call := range []vfs.Call{vfs.CallRename, vfs.CallSyncDir} {
		disk := vfs.NewMemory()
		var begun, armed atomic.Bool
		o := testOptions(&vfs.Faulty{FS: disk, Fault: func(c vfs.Call, name string) error {
			if c == vfs.CallRename && strings.HasSuffix(name, fileName(1)) && begun.Load() {
				armed.Store(true)
			}
			if c == call && armed.Load() {
				return syscall.EIO
			}
			return nil
		}}, "/j")
		o.CompactRate = -1
		j := mustOpen(t, o)
		kept := sparse(t, j, 12)
		begun.Store(true)
		require.ErrorIs(t, j.Compact(), syscall.EIO)
		<-j.Failed()
		_ = j.Close()
		for _, left := range []*vfs.Memory{disk.Snapshot(), disk.Crash(nil)} {
			o := testOptions(left, "/j")
			again := mustOpen(t, o)
			require.Equal(t, kept, sequences(t, again, oldQueue))
			require.NoError(t, again.Close())
		}
	}
}

// TestFullDiskIsCompacted: on a full disk, rewriting makes room with no more
// than is left, and consumers can go on all the while.
func TestFullDiskIsCompacted(t *testing.T) {
	disk := vfs.NewMemory()
	o := testOptions(disk, "/j")
	o.CompactRate = -1
	j := mustOpen(t, o)
	kept := sparse(t, j, 40)
	disk.SetCapacity(disk.Used() + 4<<10)
	err := error(nil)
	var added []store.Op
	for i := int64(60_000); err == nil; i++ {
		u := store.Single(addition(i), true, nil)
		if err = await(j, u); err == nil {
			added = append(added, u.Ops[0])
		}
	}
	require.ErrorIs(t, err, store.ErrNoSpace)
	require.NoError(t, await(j, store.Single(taking(added[0]), true, nil)))
	require.NoError(t, j.Compact())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, j.Admit(ctx))
	require.Eventually(t, func() bool { return await(j, store.Single(addition(70_000), true, nil)) == nil }, 10*time.Second, time.Millisecond)
	require.Equal(t, kept, sequences(t, j, oldQueue))
	require.NoError(t, j.Close())
}
