package journal

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// endIn adds messages, the last of which ends at place in a sector.
func endIn(t *testing.T, j *Journal, place int64) {
	before := j.writer.current.pos
	addMessages(t, j, 1, 1)
	size, last := j.writer.current.pos-before, addition(2)
	more := (place - (j.writer.current.pos+size)%512 + 512) % 512
	last.Message.Content = make([]byte, 100+more)
	require.NoError(t, await(j, store.Single(last, true, nil)))
	require.Equal(t, place, j.writer.current.pos%512)
}

// TestOwnRecordsAreNoDamage: what the journal writes for itself is durable
// before the next batch is written. If it were not, a crash might leave that
// batch and half of the end that was before them, which looks like damage.
func TestOwnRecordsAreNoDamage(t *testing.T) {
	for place := int64(512 - 2*eofSize); place < 512; place++ {
		var armed atomic.Bool
		var crashed []*vfs.Memory // the committer's
		disk := vfs.NewMemory()
		fs := &vfs.Faulty{FS: disk, Fault: func(call vfs.Call, _ string) error {
			if call == vfs.CallSync && armed.Load() {
				for seed := range uint64(40) {
					crashed = append(crashed, disk.Crash(rand.New(rand.NewPCG(seed, 1))))
				}
			}
			return nil
		}}
		o := smallFiles(fs)
		o.NoPreallocation = true // the committer alone syncs
		j := mustOpen(t, o)
		endIn(t, j, place)
		j.allocator.settle()
		armed.Store(true)
		j.appendRecords(appendTrace(nil, replacedText(1)))
		require.NoError(t, j.appendBuilt(func(*store.Unit, *work) {})) // in a batch of its own
		addMessages(t, j, 3, 3)
		require.NoError(t, j.Close())
		require.NotEmpty(t, crashed)
		for _, disk := range crashed {
			again := mustOpen(t, smallFiles(disk))
			for _, d := range again.Damage() {
				require.True(t, d.Tail, "%s\n%s", d, contents{disk})
			}
			require.NoError(t, again.Close())
		}
	}
}
