package journal

import (
	"context"
	"errors"
	"fmt"
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

// faults makes the nth call of a kind fail, once armed.
type faults struct {
	mu    sync.Mutex
	call  vfs.Call
	skip  int // mu; calls to let through
	err   error
	armed bool // mu
	hits  int  // mu
}

func (f *faults) fault(call vfs.Call, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed || call != f.call {
		return nil
	}
	if f.skip--; f.skip >= 0 {
		return nil
	}
	f.hits++
	return fmt.Errorf("%s: %w", name, f.err)
}

func (f *faults) arm(call vfs.Call, skip int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call, f.skip, f.err, f.armed = call, skip, err, true
}

// TestFaultsAreFinal: a failed write, sync, rename or close, whichever it is,
// ends the journal: nothing is confirmed any more, and what was is on disk.
func TestFaultsAreFinal(t *testing.T) {
	for _, call := range []vfs.Call{vfs.CallWrite, vfs.CallSync, vfs.CallRename, vfs.CallSyncDir, vfs.CallCreate, vfs.CallClose} {
		for _, skip := range []int{0, 1, 2, 5, 9} {
			t.Run(fmt.Sprintf("call=%d,skip=%d", call, skip), func(t *testing.T) { testFault(t, call, skip, await) })
			t.Run(fmt.Sprintf("call=%d,skip=%d,led", call, skip), func(t *testing.T) { testFault(t, call, skip, awaitLed) })
		}
	}
}

func testFault(t *testing.T, call vfs.Call, skip int, await func(*Journal, *store.Unit) error) {
	disk, f := vfs.NewMemory(), &faults{}
	o := testOptions(&vfs.Faulty{FS: disk, Fault: f.fault}, "/j")
	o.MaxFileLength = minFileLength
	var fatal atomic.Int32
	o.OnFatal = func(error) { fatal.Add(1) }
	j := mustOpen(t, o)
	addMessages(t, j, 1, 5)
	f.arm(call, skip, syscall.EIO)
	confirmed, failed := int64(5), false
	for i := int64(6); i <= 400; i++ {
		err := await(j, store.Single(addition(i), true, nil))
		if err != nil {
			require.ErrorIs(t, err, store.ErrFailed)
			failed = true
			continue
		}
		require.False(t, failed, "a unit was confirmed after the failure")
		confirmed = i
	}
	require.True(t, failed)
	<-j.Failed()
	require.ErrorIs(t, j.Admit(t.Context()), store.ErrFailed)
	_ = j.Close()
	require.Equal(t, int32(1), fatal.Load())
	require.ErrorIs(t, await(j, store.Single(addition(999), true, nil)), store.ErrFailed)
	j = mustOpen(t, testOptions(disk.Crash(nil), "/j"))
	found := sequences(t, j, testQueue)
	require.GreaterOrEqual(t, len(found), int(confirmed))
	require.Equal(t, upTo(int64(len(found))), found)
	require.NoError(t, j.Close())
}

// TestFaultsWhileOpening: Open reports the fault and leaves the messages.
func TestFaultsWhileOpening(t *testing.T) {
	for _, call := range []vfs.Call{vfs.CallList, vfs.CallOpen, vfs.CallRead, vfs.CallCreate, vfs.CallWrite, vfs.CallSync, vfs.CallRename, vfs.CallSyncDir} {
		for skip := range 3 {
			disk, _, _ := tenBatches(t)
			f := &faults{}
			f.arm(call, skip, syscall.EIO)
			j, err := Open(testOptions(&vfs.Faulty{FS: disk, Fault: f.fault}, "/j"))
			if err != nil {
				require.ErrorIs(t, err, syscall.EIO, "call %d, skip %d", call, skip)
			} else {
				_ = j.Close()
			}
			j = mustOpen(t, testOptions(disk.Crash(nil), "/j"))
			require.Equal(t, upTo(10), sequences(t, j, testQueue), "call %d, skip %d", call, skip)
			require.NoError(t, j.Close())
		}
	}
}

// TestNoSpace: a full disk refuses new messages and takes removals; when
// there is space again it goes on by itself.
func TestNoSpace(t *testing.T) {
	disk := vfs.NewMemory()
	o := testOptions(disk, "/j")
	j := mustOpen(t, o)
	disk.SetCapacity(5*o.MaxFileLength + o.MaxFileLength/2)
	var kept []store.Op
	var err error
	for i := int64(1); i < 5000; i++ {
		u := store.Single(addition(i), true, nil)
		if err = await(j, u); err != nil {
			break
		}
		kept = append(kept, u.Ops[0])
	}
	require.ErrorIs(t, err, store.ErrNoSpace)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, j.Admit(ctx), context.DeadlineExceeded)
	select {
	case <-j.Failed():
		require.Fail(t, "a full disk is no failure")
	default:
	}
	transaction := message.TransactionID{Connection: "ID:c", Value: 1}
	require.ErrorIs(t, await(j, &store.Unit{Ops: []store.Op{addition(6000), taking(kept[0])}, Transaction: transaction, Outcome: store.Commit}), store.ErrNoSpace)
	require.Len(t, sequences(t, j, testQueue), len(kept), "a refused unit has no effect")
	for _, op := range kept[:len(kept)-1] {
		err := await(j, store.Single(taking(op), true, nil))
		if errors.Is(err, store.ErrNoSpace) {
			// The files are so small that the reserve does not last until the
			// janitor comes.
			require.NoError(t, j.Collect())
			require.Eventually(t, func() bool {
				return await(j, store.Single(taking(op), true, nil)) == nil
			}, 10*time.Second, time.Millisecond)
			continue
		}
		require.NoError(t, err)
	}
	require.NoError(t, j.Collect())
	require.NoError(t, j.Admit(t.Context()))
	require.Eventually(t, func() bool { return await(j, store.Single(addition(7000), true, nil)) == nil }, 10*time.Second, time.Millisecond)
	require.Equal(t, []int64{kept[len(kept)-1].Message.ID.ProducerSequence, 7000}, sequences(t, j, testQueue))
	require.NoError(t, j.Close())
	disk.SetCapacity(0)
	j = mustOpen(t, o)
	require.Len(t, sequences(t, j, testQueue), 2)
	require.NoError(t, j.Close())
}

// TestNoSpaceComesBack: space that somebody else frees is found.
func TestNoSpaceComesBack(t *testing.T) {
	disk := vfs.NewMemory()
	o := testOptions(disk, "/j")
	o.FailIfNoSpace = true
	j := mustOpen(t, o)
	disk.SetCapacity(2*o.MaxFileLength + 100)
	added := int64(0)
	for await(j, store.Single(addition(added+1), true, nil)) == nil {
		added++
	}
	require.ErrorIs(t, j.Admit(t.Context()), store.ErrNoSpace)
	disk.SetCapacity(0)
	require.Eventually(t, func() bool { return j.Admit(t.Context()) == nil }, 10*time.Second, time.Millisecond)
	addMessages(t, j, added+1, added+1)
	require.Equal(t, upTo(added+1), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}

// TestNoSpaceToOpen: the error says what it is.
func TestNoSpaceToOpen(t *testing.T) {
	disk, _, _ := tenBatches(t)
	disk.SetCapacity(1)
	_, err := Open(testOptions(disk, "/j"))
	require.ErrorIs(t, err, store.ErrNoSpace)
	disk.SetCapacity(0)
	j := mustOpen(t, testOptions(disk, "/j"))
	require.Equal(t, upTo(10), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}

// TestReserve: a directory on a full disk opens, and lets messages be removed.
func TestReserve(t *testing.T) {
	disk := vfs.NewMemory()
	o := testOptions(disk, "/j")
	j := mustOpen(t, o)
	disk.SetCapacity(4 * o.MaxFileLength)
	added := int64(0)
	for await(j, store.Single(addition(added+1), true, nil)) == nil {
		added++
	}
	killed := disk.Snapshot()
	killed.SetCapacity(killed.Used())
	_ = j.Close()
	j = mustOpen(t, testOptions(killed, "/j"))
	require.Equal(t, upTo(added), sequences(t, j, testQueue))
	page, err := j.Page(nil, testQueue, 0, 10, 1<<20)
	require.NoError(t, err)
	for _, e := range page {
		require.NoError(t, await(j, store.Single(store.Op{Action: store.Remove, Destination: testQueue, ID: e.Message.ID, Seq: e.Seq}, true, nil)))
	}
	require.NoError(t, j.Close())
}

// TestWithoutPreallocation: a write that finds no space refuses what adds,
// and the file goes on where it was.
func TestWithoutPreallocation(t *testing.T) {
	disk := vfs.NewMemory()
	o := testOptions(disk, "/j")
	o.NoPreallocation = true
	j := mustOpen(t, o)
	added := int64(0)
	disk.SetCapacity(20_000)
	for await(j, store.Single(addition(added+1), true, nil)) == nil {
		added++
	}
	require.Greater(t, added, int64(10))
	disk.SetCapacity(0)
	require.NoError(t, j.Admit(t.Context()), "when the disk has been tried again")
	addMessages(t, j, added+1, added+100)
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Equal(t, upTo(added+100), sequences(t, j, testQueue))
	require.Empty(t, j.Damage())
	require.NoError(t, j.Close())
}

// TestSyncIsNeverRetried: a sync that fails for lack of space is a failure
// like any other.
func TestSyncIsNeverRetried(t *testing.T) {
	f := &faults{}
	j := mustOpen(t, testOptions(&vfs.Faulty{FS: vfs.NewMemory(), Fault: f.fault}, "/j"))
	addMessages(t, j, 1, 1)
	f.arm(vfs.CallSync, 0, syscall.ENOSPC)
	require.ErrorIs(t, await(j, store.Single(addition(2), true, nil)), store.ErrFailed)
	_ = j.Close()
}

// TestDiskSync: Always syncs for each, Periodic and Never confirm before.
func TestDiskSync(t *testing.T) {
	for strategy, want := range map[DiskSync]int{Always: 10, Periodic: 0, Never: 0} {
		disk := vfs.NewMemory()
		o := testOptions(disk, "/j")
		o.DiskSync = strategy
		o.DiskSyncInterval = time.Hour
		j := mustOpen(t, o)
		before := j.writer.syncs
		addMessages(t, j, 1, 10)
		require.Equal(t, want, int(j.writer.syncs-before), "strategy %d", strategy)
		require.NoError(t, j.Close())
		j = mustOpen(t, o)
		require.Equal(t, upTo(10), sequences(t, j, testQueue))
		require.NoError(t, j.Close())
	}
}

// TestPeriodicSync: what Periodic confirmed is durable an interval later,
// without anything else being written.
func TestPeriodicSync(t *testing.T) {
	disk := vfs.NewMemory()
	o := testOptions(disk, "/j")
	o.DiskSync, o.DiskSyncInterval = Periodic, 10*time.Millisecond
	j := mustOpen(t, o)
	addMessages(t, j, 1, 3)
	require.Eventually(t, func() bool {
		crashed := mustOpen(t, testOptions(disk.Crash(nil), "/j"))
		defer crashed.Close()
		return len(sequences(t, crashed, testQueue)) == 3
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, j.Close())
}

// TestTooLarge: a message that cannot be stored is refused in its turn.
func TestTooLarge(t *testing.T) {
	j := mustOpen(t, testOptions(vfs.NewMemory(), "/j"))
	bad := store.Single(store.Op{Action: 200}, true, nil)
	require.Error(t, await(j, bad))
	require.False(t, errors.Is(j.failureOf(), store.ErrFailed))
	addMessages(t, j, 1, 1)
	require.NoError(t, j.Close())
}
