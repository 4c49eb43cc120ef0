package journal

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// TestKilledOnAFullDisk: with not a byte free and the reserve used up, a
// directory still opens, time after time: each master leaves room in its file
// for the next.
func TestKilledOnAFullDisk(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, testOptions(disk, "/j"))
	disk.SetCapacity(4 * testOptions(disk, "/j").MaxFileLength)
	left := []int64{}
	for n := int64(1); await(j, store.Single(addition(n), true, nil)) == nil; n++ {
		left = append(left, n)
	}
	for range 5 {
		require.Eventually(t, j.allocator.isFull, 10*time.Second, time.Millisecond)
		killed := disk.Snapshot()
		killed.SetCapacity(killed.Used())
		_ = j.Close()
		disk = killed
		j = mustOpen(t, testOptions(disk, "/j"))
		require.Equal(t, left, sequences(t, j, testQueue))
		page, err := j.Page(nil, testQueue, 0, 2, 1<<20)
		require.NoError(t, err)
		for _, e := range page {
			op := store.Op{Action: store.Remove, Destination: testQueue, ID: e.Message.ID, Seq: e.Seq}
			require.NoError(t, await(j, store.Single(op, true, nil)))
		}
		left = left[len(page):]
	}
	disk.SetCapacity(0)
	require.Eventually(t, func() bool {
		j.allocator.mu.Lock()
		defer j.allocator.mu.Unlock()
		return j.allocator.reserve
	}, 10*time.Second, spaceRetry/100, "the reserve comes back")
	require.NoError(t, j.Close())
}

// reservingFS notes the files that were written to before they had their space.
type reservingFS struct {
	vfs.FS
	mu    sync.Mutex
	early []string // mu
}

type reservingFile struct {
	vfs.File
	fs       *reservingFS
	name     string
	reserved atomic.Bool
}

func (f *reservingFS) Create(name string) (vfs.File, error) {
	file, err := f.FS.Create(name)
	return &reservingFile{File: file, fs: f, name: name}, err
}

func (f *reservingFile) Reserve(n int64) error {
	f.reserved.Store(true)
	return f.File.Reserve(n)
}

func (f *reservingFile) WriteAt(b []byte, offset int64) (int, error) {
	if !f.reserved.Load() {
		f.fs.mu.Lock()
		f.fs.early = append(f.fs.early, f.name)
		f.fs.mu.Unlock()
	}
	return f.File.WriteAt(b, offset)
}

// TestSpaceComesBeforeTheFirstByte: on ext4 a file for which there is just
// enough space is refused while a byte of it waits to be given a block.
func TestSpaceComesBeforeTheFirstByte(t *testing.T) {
	fs := &reservingFS{FS: vfs.NewMemory()}
	j := mustOpen(t, smallFiles(fs))
	fillFiles(t, j, 3)
	require.NoError(t, j.Close())
	require.Empty(t, fs.early)
}
