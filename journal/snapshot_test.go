package journal

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/memory"
)

const testSnapshot = "/j/" + snapshotName

func withoutSnapshot(t require.TestingT, disk *vfs.Memory) *vfs.Memory {
	disk = disk.Snapshot()
	if err := disk.Remove(testSnapshot); err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	return disk
}

// sameIndex opens one copy of a disk with its snapshot and one without,
// compares them, and reports whether the snapshot was used.
func sameIndex(t require.TestingT, disk *vfs.Memory) (used bool) {
	thawed := mustOpen(t, smallFiles(disk.Snapshot()))
	fresh := mustOpen(t, smallFiles(withoutSnapshot(t, disk)))
	for _, j := range []*Journal{thawed, fresh} {
		require.NoError(t, j.appendBuilt(func(*store.Unit, *work) {})) // the committer is idle
	}
	expected := account(t, fresh)
	require.Equal(t, expected, account(t, thawed))
	sameUses(t, fresh, thawed)
	require.Equal(t, fresh.Damage(), thawed.Damage())
	require.GreaterOrEqual(t, thawed.Recovered().LastBrokerSequence, fresh.Recovered().LastBrokerSequence)
	for producer := range fresh.index.producers.numbers {
		require.GreaterOrEqual(t, thawed.LastSequence(producer), fresh.LastSequence(producer))
	}
	used = thawed.Opening().From == FromSnapshot
	// What it deletes is nothing that a replay needs, and its own snapshot is
	// as good.
	require.NoError(t, thawed.Collect())
	snapshotIfPossible(t, thawed)
	require.NoError(t, thawed.Close())
	require.NoError(t, fresh.Close())
	again := mustOpen(t, smallFiles(thawed.o.FS))
	defer again.Close()
	require.Equal(t, expected, account(t, again))
	return used
}

// snapshotIfPossible: there is none of a journal with repeated adds.
func snapshotIfPossible(t require.TestingT, j *Journal) {
	if err := j.Snapshot(context.Background()); !errors.Is(err, errRepeated) {
		require.NoError(t, err)
	}
}

// TestThawedEqualsReplayed: whatever masters did after a snapshot, and
// wherever a crash ended that, a cold start with it has what a replay finds.
func TestThawedEqualsReplayed(t *testing.T) {
	used, times := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		m := &masters{h: &history{r: r, model: memory.New(), prepared: map[int]bool{}}, disk: vfs.NewMemory()}
		defer m.h.model.Close()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		m.o = smallFiles(m.disk)
		m.j = mustOpen(r, m.o)
		often := rapid.IntRange(1, 20).Draw(r, "often")
		disks := []*vfs.Memory{}
		for range rapid.IntRange(1, 120).Draw(r, "steps") {
			if rapid.IntRange(0, often).Draw(r, "snapshot") == 0 {
				require.NoError(r, m.j.Snapshot(t.Context()))
			}
			m.step()
			if rapid.IntRange(0, 60).Draw(r, "look") == 0 {
				disks = append(disks, m.disk.Snapshot())
			}
		}
		disk := m.disk.Snapshot()
		if rapid.Bool().Draw(r, "power fails") {
			disk = m.disk.Crash(random)
		}
		for _, disk := range append(disks, disk) {
			times++
			if sameIndex(r, disk) {
				used++
			}
		}
		for _, j := range append(m.deposed, m.j) {
			_ = j.Close()
		}
		m.done.Wait()
	})
	t.Logf("the snapshot was used in %d of %d", used, times)
	require.Greater(t, used, times/4)
}

// TestSnapshotWhileServing: a view stays what it was while everything changes.
func TestSnapshotWhileServing(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, smallFiles(disk))
	var running sync.WaitGroup
	stop := make(chan struct{})
	running.Go(func() {
		for n := int64(1); n < 2000; n += 50 {
			select {
			case <-stop:
				return
			default:
			}
			addMessages(t, j, n, n+49)
			for i := n; i < n+50; i += 2 {
				if n > 100 {
					_ = await(j, store.Single(taking(addition(i-100)), true, nil))
				}
			}
		}
	})
	for i := range 30 {
		require.NoError(t, j.Snapshot(t.Context()))
		if i%10 == 0 {
			sameIndex(t, disk.Snapshot())
		}
	}
	close(stop)
	running.Wait()
	require.Nil(t, j.index.slab.pages.shared)
	require.NoError(t, j.Close())
	require.True(t, sameIndex(t, disk))
}

// TestSnapshotNotUsed: a journal that is not the one described is replayed.
func TestSnapshotNotUsed(t *testing.T) {
	begin := func(t *testing.T) (*vfs.Memory, *Journal) {
		disk := vfs.NewMemory()
		j := mustOpen(t, smallFiles(disk))
		fillFiles(t, j, 3)
		require.NoError(t, j.Snapshot(t.Context()))
		addMessages(t, j, 1000, 1010)
		return disk, j
	}
	content := func(t *testing.T, disk *vfs.Memory, name string) []byte {
		handle, err := disk.Open(name)
		require.NoError(t, err)
		size, err := handle.Size()
		require.NoError(t, err)
		b := make([]byte, size)
		_, err = handle.ReadAt(b, 0)
		require.NoError(t, err)
		return b
	}
	t.Run("nothing", func(t *testing.T) {
		disk, j := begin(t)
		require.NoError(t, j.Close())
		require.True(t, sameIndex(t, disk))
	})
	t.Run("a flipped bit", func(t *testing.T) {
		disk, j := begin(t)
		require.NoError(t, j.Close())
		b := content(t, disk, testSnapshot)
		for i := 0; i < len(b); i += 1 + i/40 {
			flipped := slices.Clone(b)
			flipped[i] ^= 1 << (i % 8)
			overwrite(t, disk, testSnapshot, flipped)
			o := smallFiles(disk.Snapshot())
			thawed := mustOpen(t, o)
			require.Equal(t, FromFiles, thawed.Opening().From, "byte %d of %d", i, len(b))
			require.NoError(t, thawed.Close())
			_, err := o.FS.Size(testSnapshot)
			require.ErrorIs(t, err, fs.ErrNotExist, "it is stale")
		}
	})
	t.Run("cut short", func(t *testing.T) {
		disk, j := begin(t)
		require.NoError(t, j.Close())
		b := content(t, disk, testSnapshot)
		for n := 0; n < len(b); n += 1 + n/10 {
			overwrite(t, disk, testSnapshot, b[:n])
			require.False(t, sameIndex(t, disk), "%d of %d bytes", n, len(b))
		}
	})
	t.Run("ActiveMQ's index", func(t *testing.T) {
		disk, j := begin(t)
		require.NoError(t, j.Close())
		overwrite(t, disk, "/j/db.data", []byte("x"))
		require.False(t, sameIndex(t, disk))
	})
	t.Run("a file of another program", func(t *testing.T) {
		disk, j := begin(t)
		last := j.writer.current.number
		require.NoError(t, j.Close())
		_, _, foreign := tenBatches(t)
		overwrite(t, disk, "/j/"+fileName(last+1), foreign[batchOffsets(foreign)[1]:])
		require.False(t, sameIndex(t, disk))
	})
	t.Run("another program's trace", func(t *testing.T) {
		disk, j := begin(t)
		name := "/j/" + fileName(j.writer.current.number)
		end := j.writer.current.pos
		require.NoError(t, j.Close())
		records := appendTrace(nil, "RECOVERED today")
		b := append(make([]byte, batchHead), records...)
		putBatchHead(b, len(records), checksum(records))
		overwrite(t, disk, name, append(content(t, disk, name)[:end], b...))
		require.False(t, sameIndex(t, disk))
	})
	t.Run("a file that was rewritten", func(t *testing.T) {
		disk, j := begin(t)
		require.NoError(t, j.Close())
		b := content(t, disk, "/j/"+fileName(1))
		offsets := batchOffsets(b)
		overwrite(t, disk, "/j/"+fileName(1), slices.Concat(b[:offsets[2]], b[offsets[3]:]))
		require.False(t, sameIndex(t, disk))
	})
	t.Run("files that have changed places", func(t *testing.T) {
		disk, j := begin(t)
		require.NoError(t, j.Close())
		one, two := content(t, disk, "/j/"+fileName(1)), content(t, disk, "/j/"+fileName(2))
		overwrite(t, disk, "/j/"+fileName(1), two)
		overwrite(t, disk, "/j/"+fileName(2), one)
		require.False(t, sameIndex(t, disk))
	})
	t.Run("an older journal", func(t *testing.T) {
		disk := vfs.NewMemory()
		j := mustOpen(t, smallFiles(disk))
		fillFiles(t, j, 2)
		old := disk.Snapshot()
		addMessages(t, j, 1000, 1010)
		require.NoError(t, j.Snapshot(t.Context()))
		require.NoError(t, j.Close())
		overwrite(t, old, testSnapshot, content(t, disk, testSnapshot))
		require.False(t, sameIndex(t, old))
	})
	t.Run("another journal", func(t *testing.T) {
		disk, j := begin(t)
		require.NoError(t, j.Close())
		other := vfs.NewMemory()
		o := smallFiles(other)
		o.Lease = newLease(3)
		j = mustOpen(t, o)
		fillFiles(t, j, 5)
		require.NoError(t, j.Close())
		overwrite(t, other, testSnapshot, content(t, disk, testSnapshot))
		require.False(t, sameIndex(t, other))
	})
	t.Run("without the file that it ends in", func(t *testing.T) {
		disk, j := begin(t)
		v, err := j.view()
		require.NoError(t, err)
		defer j.melt()
		v.files = v.files[:len(v.files)-1]
		require.NoError(t, (&snapshotFile{j: j, ctx: t.Context()}).save(v))
		require.False(t, sameIndex(t, disk.Snapshot()))
		require.NoError(t, j.Close())
	})
	t.Run("none of its files", func(t *testing.T) {
		disk, j := begin(t)
		require.NoError(t, j.Close())
		other := vfs.NewMemory()
		overwrite(t, other, testSnapshot, content(t, disk, testSnapshot))
		require.False(t, sameIndex(t, other))
	})
}

// TestSnapshotAcrossCollection: messages whose files have gone since, with
// what ended them, are not there.
func TestSnapshotAcrossCollection(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, smallFiles(disk))
	addMessages(t, j, 1, 3)
	ops := fillFiles(t, j, 4)
	require.NoError(t, j.Snapshot(t.Context()))
	for _, op := range ops {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	before := len(j.segments.numbers())
	fillFiles(t, j, 2)
	require.NoError(t, j.Collect())
	require.Less(t, len(j.segments.numbers()), before+2)
	require.NoError(t, j.Close())
	require.True(t, sameIndex(t, disk))
}

// TestFollowingBegins with the snapshot, and again without it when it turns
// out to be wrong.
func TestFollowingBegins(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, smallFiles(disk))
	fillFiles(t, j, 3)
	require.NoError(t, j.Snapshot(t.Context()))
	addMessages(t, j, 1000, 1010)
	f := follow(t, disk)
	step(t, f)
	s := f.State()
	require.True(t, s.CaughtUp)
	require.False(t, s.Snapshot.IsZero())
	require.Less(t, s.Records, 50)
	require.Equal(t, j.index.slab.live, s.Messages)
	require.Zero(t, s.BehindBytes)
	addMessages(t, j, 1011, 1020)
	require.NoError(t, j.Close())
	require.True(t, promoted(t, disk, f))

	overwrite(t, disk, "/j/db.data", []byte("x"))
	f = follow(t, disk)
	step(t, f)
	require.True(t, f.State().Snapshot.IsZero())
	require.True(t, f.State().CaughtUp)
}

// TestFollowedFromSnapshot is TestFollowedEqualsReplayed with followers that
// begin with a snapshot.
func TestFollowedFromSnapshot(t *testing.T) {
	used, thawed := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		m := &masters{h: &history{r: r, model: memory.New(), prepared: map[int]bool{}}, disk: vfs.NewMemory()}
		defer m.h.model.Close()
		m.o = smallFiles(m.disk)
		m.j = mustOpen(r, m.o)
		var f *Follower
		for range rapid.IntRange(1, 120).Draw(r, "steps") {
			m.step()
			switch rapid.IntRange(0, 12).Draw(r, "slave") {
			case 0, 1:
				require.NoError(r, m.j.Snapshot(t.Context()))
			case 2:
				f = follow(r, m.disk)
				step(r, f)
			case 3, 4:
				if f != nil {
					step(r, f)
				}
			}
		}
		if f != nil && f.t.position != 0 {
			if !f.State().Snapshot.IsZero() {
				thawed++
			}
			if promoted(r, m.disk.Snapshot(), f) {
				used++
			}
		}
		for _, j := range append(m.deposed, m.j) {
			_ = j.Close()
		}
		m.done.Wait()
	})
	t.Logf("followers that began with a snapshot: %d; what was followed was used: %d", thawed, used)
	require.Positive(t, thawed)
}

// TestSnapshotHolds prepared transactions, subscriptions and damage.
func TestSnapshotHolds(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, smallFiles(disk))
	info := &message.SubscriptionInfo{ClientID: "x", Name: "s", Destination: crashTopic, Selector: "a = 1"}
	require.NoError(t, await(j, store.Single(store.Op{Action: store.AddSubscription, Destination: crashTopic, Info: info}, true, nil)))
	for i := int64(1); i <= 600; i++ {
		require.NoError(t, await(j, store.Single(store.Op{Action: store.Add, Destination: crashTopic, Message: kilobyte(crashTopic, 1, i)}, true, nil)))
	}
	other := &message.SubscriptionInfo{ClientID: "y", Name: "s", Destination: crashTopic}
	require.NoError(t, await(j, store.Single(store.Op{Action: store.AddSubscription, Destination: crashTopic, Info: other, Retroactive: true}, true, nil)))
	for i := int64(1); i <= 600; i += 7 {
		m := kilobyte(crashTopic, 1, i)
		require.NoError(t, await(j, store.Single(store.Op{Action: store.Acknowledge, Destination: crashTopic, ID: m.ID, Subscription: other.Key()}, true, nil)))
	}
	op := addition(5000)
	require.NoError(t, await(j, &store.Unit{Transaction: branch(1), Outcome: store.Prepare, Ops: []store.Op{op}, Sync: true}))
	require.NoError(t, j.Snapshot(t.Context()))
	require.NoError(t, j.Close())
	require.True(t, sameIndex(t, disk))
	thawed := mustOpen(t, smallFiles(disk))
	require.Len(t, thawed.Recovered().Prepared, 1)
	require.NoError(t, await(thawed, &store.Unit{Transaction: branch(1), Outcome: store.Commit, Sync: true}))
	require.NoError(t, thawed.Close())
	require.True(t, sameIndex(t, disk))
}
