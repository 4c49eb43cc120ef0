package journal

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/memory"
)

// squeeze rewrites a file whether that is worth it or not.
func squeeze(t require.TestingT, j *Journal, number uint32) {
	j.compactor.mu.Lock()
	defer j.compactor.mu.Unlock()
	if err := j.compactFile(number, 0); err != nil {
		require.ErrorIs(t, err, errUnfit)
	}
}

// squeezeAny rewrites a complete file, or all of them from the oldest on.
func squeezeAny(r *rapid.T, j *Journal) {
	numbers := j.segments.numbers()
	numbers = numbers[:len(numbers)-1]
	if len(numbers) == 0 {
		return
	}
	if rapid.Bool().Draw(r, "squeeze all") {
		for _, n := range numbers {
			squeeze(r, j, n)
		}
		return
	}
	squeeze(r, j, rapid.SampledFrom(numbers).Draw(r, "squeezed"))
}

// unitOrUpdate draws a unit, or a change or a second add of a message.
func (h *history) unitOrUpdate(done *sync.WaitGroup) *store.Unit {
	kind := rapid.IntRange(0, 5).Draw(h.r, "update")
	if kind > 1 || len(h.stored) == 0 {
		return h.unit()
	}
	done.Wait() // nobody updates what is not stored yet
	m := *rapid.SampledFrom(h.stored).Draw(h.r, "updated")
	if m.Destination == crashTopic {
		return h.unit()
	}
	if kind == 0 {
		m.Content = make([]byte, rapid.IntRange(0, 2000).Draw(h.r, "size"))
		return store.Single(store.Op{Action: store.Update, Destination: m.Destination, Message: &m}, true, nil)
	}
	return store.Single(store.Op{Action: store.Add, Destination: m.Destination, Message: &m}, true, nil)
}

// TestCompactedEqualsReplayed: whatever is written, and whichever files are
// rewritten and deleted when, a journal and a replay of its files hold what
// the model does.
func TestCompactedEqualsReplayed(t *testing.T) {
	var files, freed int64
	rapid.Check(t, func(r *rapid.T) {
		h := &history{r: r, model: memory.New(), prepared: map[int]bool{}}
		defer h.model.Close()
		h.looks = []string{look(r, h.model)}
		disk := vfs.NewMemory()
		o := smallFiles(disk)
		j := mustOpen(r, o)
		var done sync.WaitGroup
		for range rapid.IntRange(1, 100).Draw(r, "steps") {
			h.append(j, h.unitOrUpdate(&done), &done)
			switch rapid.IntRange(0, 14).Draw(r, "then") {
			case 0:
				require.NoError(r, j.Collect())
			case 1, 2, 3:
				squeezeAny(r, j)
			case 4:
				require.NoError(r, j.Compact())
			case 5:
				done.Wait()
				c := j.Compaction()
				files, freed = files+c.Files, freed+c.Freed
				require.NoError(r, j.Close())
				j = mustOpen(r, o)
				require.Empty(r, j.Damage())
			case 6:
				_ = await(j, store.Single(store.Op{Action: store.Expose, Destination: rapid.SampledFrom(crashQueues).Draw(r, "exposed"),
					Segment: store.Segment(rapid.SampledFrom(j.segments.numbers()).Draw(r, "segment"))}, true, nil))
			case 7, 8, 9:
				done.Wait()
				require.Equal(r, h.looks[len(h.looks)-1], look(r, j))
			}
		}
		done.Wait()
		require.Equal(r, h.looks[len(h.looks)-1], look(r, j))
		last := j.LastSequence(kilobyte(crashQueues[0], 1, 1).ID.Producer)
		again := mustOpen(r, smallFiles(disk.Snapshot()))
		require.Equal(r, look(r, j), look(r, again))
		require.Equal(r, last, again.LastSequence(kilobyte(crashQueues[0], 1, 1).ID.Producer))
		for _, n := range again.segments.numbers() {
			require.Equal(r, again.index.file(n).live, j.index.file(n).live, fileName(n))
			if n < j.writer.current.number {
				require.Subset(r, j.index.file(n).ends, again.index.file(n).ends, fileName(n))
				require.Subset(r, j.index.file(n).conceals, again.index.file(n).conceals, fileName(n))
			}
		}
		sameExposures(r, again, j)
		require.NoError(r, again.Close())
		c := j.Compaction()
		files, freed = files+c.Files, freed+c.Freed
		require.NoError(r, j.Close())
	})
	t.Logf("%d files were rewritten, %d bytes freed", files, freed)
	require.NotZero(t, files)
}
