package journal

import (
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
