package journal

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// forgotten leaves a journal whose first file alone says how far a producer had
// come, and holds nothing else that is needed.
func forgotten(t *testing.T, o Options) (j *Journal, producer message.ProducerID) {
	j = mustOpen(t, o)
	other := store.Op{Action: store.Add, Destination: testQueue, Message: kilobyte(testQueue, 2, 7)}
	require.NoError(t, await(j, store.Single(other, true, nil)))
	for _, op := range append(fillFiles(t, j, 1), other) {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	return j, other.Message.ID.Producer
}

// fillUp adds a message, and leaves no more room in the current file than n
// bytes.
func fillUp(t *testing.T, j *Journal, n int64) {
	before, first := j.writer.current.pos, addition(5000)
	require.NoError(t, await(j, store.Single(first, true, nil)))
	last, head := addition(5001), j.writer.current.pos-before
	room := j.o.MaxFileLength - eofSize - j.writer.current.pos
	last.Message.Content = make([]byte, int64(len(first.Message.Content))+room-head-n)
	number := j.writer.current.number
	require.NoError(t, await(j, store.Single(last, true, nil)))
	require.Equal(t, number, j.writer.current.number)
}

func reopened(t *testing.T, j *Journal) *Journal {
	require.NoError(t, j.Close())
	return mustOpen(t, j.o)
}

// TestCarriedIntoTheNextFile: what says again how far a producer had come may
// be all that a new file has. It is said once more when that file goes.
func TestCarriedIntoTheNextFile(t *testing.T) {
	j, producer := forgotten(t, smallFiles(vfs.NewMemory()))
	fillUp(t, j, 20)
	full := j.writer.current.number
	require.NoError(t, j.Collect())
	require.Equal(t, []uint32{full, full + 1}, j.segments.numbers(), "it did not fit")
	for i := int64(6000); j.writer.current.number == full+1; i++ {
		u := store.Single(addition(i), true, nil)
		require.NoError(t, await(j, u))
		require.NoError(t, await(j, store.Single(taking(u.Ops[0]), true, nil)))
	}
	require.NoError(t, j.Collect())
	require.Equal(t, []uint32{full, full + 2}, j.segments.numbers())
	j = reopened(t, j)
	require.EqualValues(t, 7, j.LastSequence(producer))
	require.NoError(t, j.Close())
}

// TestCarriedAtTheSecondTry: what could not be written for lack of space has
// not been said again.
func TestCarriedAtTheSecondTry(t *testing.T) {
	var file atomic.Pointer[string]
	o := smallFiles(&vfs.Faulty{FS: vfs.NewMemory(), Fault: func(call vfs.Call, name string) error {
		if full := file.Load(); call == vfs.CallWrite && full != nil && *full == name && file.CompareAndSwap(full, nil) {
			return syscall.ENOSPC
		}
		return nil
	}})
	j, producer := forgotten(t, o)
	for j.writer.current.written() < o.MaxFileLength { // the allocator has no more to write there
		runtime.Gosched()
	}
	file.Store(&j.writer.current.path)
	require.NoError(t, j.Collect())
	require.Nil(t, file.Load())
	require.NotContains(t, j.segments.numbers(), uint32(1))
	j = reopened(t, j)
	require.EqualValues(t, 7, j.LastSequence(producer))
	require.NoError(t, j.Close())
}
