package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/memory"
)

// watching is a file system that fails the test if more than reading is done.
func watching(t require.TestingT, disk vfs.FS) vfs.FS {
	return &vfs.Faulty{FS: disk, Fault: func(call vfs.Call, name string) error {
		switch call {
		case vfs.CallOpen, vfs.CallRead, vfs.CallClose, vfs.CallList:
			return nil
		}
		require.FailNow(t, "a follower changes the storage", "call %d of %s", call, name)
		return nil
	}}
}

func follow(t require.TestingT, disk vfs.FS) *Follower {
	f, err := Follow(FollowOptions{Directory: "/j", FS: watching(t, disk), Log: quiet})
	require.NoError(t, err)
	return f
}

// step is a pass, whatever time it is.
func step(t require.TestingT, f *Follower) {
	f.t.listed, f.t.notedAt = time.Time{}, time.Time{}
	if _, err := f.pass(); err != nil {
		require.ErrorIs(t, err, errLost)
	}
}

// account is all that an index says, without the numbers that it gives itself
// and destinations that hold nothing.
func account(t require.TestingT, j *Journal) string {
	var b strings.Builder
	list := func(name string, page []store.Entry, err error) {
		require.NoError(t, err)
		fmt.Fprintf(&b, "%s:", name)
		for _, e := range page {
			fmt.Fprintf(&b, " %v/%d/%t", e.Message.ID, len(e.Message.Content), e.Redelivered)
		}
		b.WriteByte('\n')
	}
	for _, d := range j.Recovered().Destinations {
		if d.Messages == 0 && len(d.Subscriptions) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s messages=%d bytes=%d\n", d.Destination, d.Messages, d.Bytes)
		page, err := j.Page(nil, d.Destination, 0, 10_000, 1<<40)
		list("page", page, err)
		slices.SortFunc(d.Subscriptions, func(a, b store.SubscriptionState) int { return strings.Compare(a.Info.Key(), b.Info.Key()) })
		for _, s := range d.Subscriptions {
			fmt.Fprintf(&b, "subscription %+v pending=%d\n", s.Info, s.Pending)
			page, err := j.PageSubscription(nil, d.Destination, s.Info.Key(), 0, 10_000, 1<<40)
			list("page", page, err)
		}
	}
	for _, p := range j.Recovered().Prepared {
		fmt.Fprintf(&b, "prepared %s:", p.Transaction)
		for _, op := range p.Ops {
			fmt.Fprintf(&b, " %d/%s/%v/%s/%t", op.Action, op.Destination, op.ID, op.Subscription, op.Seq != 0)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// sameUses checks what the indexes say of their files. The one that has seen
// more may know of more that has ended. What pins a subscription may differ:
// the record of it since which it had something pending is another one for a
// replay that does not find all that had been.
func sameUses(t require.TestingT, fresh, followed *Journal) {
	require.Equal(t, fresh.segments.numbers(), followed.segments.numbers())
	for _, n := range fresh.segments.numbers() {
		a, b := fresh.index.file(n), followed.index.file(n)
		require.Equal(t, a.live, b.live, fileName(n))
		require.Subset(t, b.ends, a.ends, fileName(n))
		require.Subset(t, b.conceals, a.conceals, fileName(n))
	}
	sameExposures(t, fresh, followed)
}

// promoted opens one copy of a disk with a follower and one without, compares
// them, and reports whether what had been followed was used.
func promoted(t require.TestingT, disk *vfs.Memory, f *Follower) (used bool) {
	o := smallFiles(disk.Snapshot())
	o.Follower = f
	r := f.t.r
	followed := mustOpen(t, o)
	fresh := mustOpen(t, smallFiles(withoutSnapshot(t, disk)))
	for _, j := range []*Journal{followed, fresh} {
		require.NoError(t, j.appendBuilt(func(*store.Unit, *work) {})) // the committer is idle
	}
	expected := account(t, fresh)
	require.Equal(t, expected, account(t, followed))
	sameUses(t, fresh, followed)
	require.Equal(t, fresh.Damage(), followed.Damage())
	for producer := range fresh.index.producers.numbers {
		require.GreaterOrEqual(t, followed.LastSequence(producer), fresh.LastSequence(producer))
	}
	used = followed.index == r.x
	// What it deletes is nothing that a replay needs.
	require.NoError(t, followed.Collect())
	require.NoError(t, followed.Close())
	require.NoError(t, fresh.Close())
	again := mustOpen(t, smallFiles(followed.o.FS))
	defer again.Close()
	require.Equal(t, expected, account(t, again))
	return used
}

// masters are the writing side: one that counts, and deposed ones that do not
// know it.
type masters struct {
	h       *history
	disk    *vfs.Memory
	o       Options
	j       *Journal
	deposed []*Journal
	done    sync.WaitGroup
}

func (m *masters) step() {
	r := m.h.r
	switch rapid.IntRange(0, 22).Draw(r, "master") {
	case 20, 21, 22:
		squeezeAny(r, m.j)
	case 0:
		require.NoError(r, m.j.Close())
		m.j = mustOpen(r, m.o)
	case 1:
		m.done.Wait()
		m.deposed = append(m.deposed, m.j)
		m.j = mustOpen(r, m.o)
	case 2, 3, 4:
		require.NoError(r, m.j.Collect())
	case 5:
		for _, j := range m.deposed {
			_ = await(j, store.Single(addition(int64(rapid.IntRange(1000, 2000).Draw(r, "stray"))), true, nil))
		}
	case 6:
		current := store.Segment(m.j.writer.current.number)
		_ = await(m.j, exposingOf(rapid.SampledFrom(exposable).Draw(r, "exposed"),
			rapid.SampledFrom([]store.Segment{current, current, current + 1, 0}).Draw(r, "segment")))
	default:
		m.h.append(m.j, m.h.unit(), &m.done)
		if rapid.IntRange(0, 3).Draw(r, "wait") > 0 {
			m.done.Wait()
		}
	}
}

// TestFollowedEqualsReplayed: whatever masters did while it was followed, and
// wherever a crash ended that, a promoted follower has what a replay finds.
func TestFollowedEqualsReplayed(t *testing.T) {
	usedOf, times := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		m := &masters{h: &history{r: r, model: memory.New(), prepared: map[int]bool{}}, disk: vfs.NewMemory()}
		defer m.h.model.Close()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		m.o = smallFiles(m.disk)
		m.j = mustOpen(r, m.o)
		f := follow(r, m.disk)
		busy := rapid.IntRange(1, 10).Draw(r, "busy")
		for range rapid.IntRange(1, 120).Draw(r, "steps") {
			m.step()
			if rapid.IntRange(0, busy).Draw(r, "follow") == 0 {
				step(r, f)
			}
		}
		disk := m.disk.Snapshot()
		if rapid.Bool().Draw(r, "power fails") {
			disk = m.disk.Crash(random)
		}
		times++
		if f.t.position != 0 && promoted(r, disk, f) {
			usedOf++
		}
		for _, j := range append(m.deposed, m.j) {
			_ = j.Close()
		}
		m.done.Wait()
	})
	t.Logf("what was followed was used in %d of %d", usedOf, times)
}

// TestFollowerKeepsUp runs beside a master that writes, rotates and collects.
func TestFollowerKeepsUp(t *testing.T) {
	disk := vfs.NewMemory()
	f := follow(t, disk)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	o := smallFiles(disk)
	sent := int64(0)
	for range 4 {
		j := mustOpen(t, o)
		ops := []store.Op{} // each message once: repeated ones raise doubts in who missed a file
		for first := j.writer.current.number; j.writer.current.number < first+3; sent++ {
			ops = append(ops, addMessages(t, j, sent+1, sent+1)...)
		}
		for _, op := range ops[2:] {
			require.NoError(t, await(j, store.Single(taking(op), true, nil)))
		}
		require.NoError(t, j.Collect())
		require.NoError(t, j.Close())
	}
	j := mustOpen(t, o)
	require.Eventually(t, func() bool {
		s := f.State()
		return s.CaughtUp && s.File == j.writer.current.number && s.Files == len(j.segments.numbers())
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, j.Close())
	require.True(t, promoted(t, disk, f))
	cancel()
	running.Wait()
	require.Nil(t, f.take())
}

// TestFollowerWaits: neither half a batch nor damage that others follow is
// taken for anything before the file is complete.
func TestFollowerWaits(t *testing.T) {
	_, name, content := tenBatches(t)
	offsets := batchOffsets(content)
	disk := vfs.NewMemory()
	f, err := Follow(FollowOptions{Directory: "/j", FS: watching(t, disk), Log: quiet})
	require.NoError(t, err)
	step(t, f)
	require.Zero(t, f.State().File, "there is no directory")
	name = "/j" + name[strings.LastIndexByte(name, '/'):]
	for i, offset := range offsets {
		for _, cut := range []int64{offset, offset + 7, offset + batchHead, offset + batchHead + 50} {
			overwrite(t, disk, name, append(slices.Clone(content[:cut]), make([]byte, 4096)...))
			step(t, f)
			require.Equal(t, offset, f.State().Offset, "batch %d cut at %d", i, cut)
		}
	}
	damaged := slices.Clone(content)
	damaged[offsets[len(offsets)-2]+batchHead+10]++
	overwrite(t, disk, name, damaged)
	f = follow(t, disk)
	step(t, f)
	require.Equal(t, offsets[len(offsets)-2], f.State().Offset)
	require.Empty(t, f.t.r.damage)
	used := promoted(t, disk, f)
	require.True(t, used)
}

// TestFollowerNotices: what must not be used is not.
func TestFollowerNotices(t *testing.T) {
	begin := func(t *testing.T) (*vfs.Memory, *Journal, *Follower) {
		disk := vfs.NewMemory()
		j := mustOpen(t, smallFiles(disk))
		addMessages(t, j, 1, 20)
		f := follow(t, disk)
		step(t, f)
		require.True(t, f.State().CaughtUp)
		return disk, j, f
	}
	t.Run("nothing", func(t *testing.T) {
		disk, j, f := begin(t)
		require.NoError(t, j.Close())
		require.True(t, promoted(t, disk, f))
	})
	t.Run("a batch that was lost", func(t *testing.T) {
		disk, j, f := begin(t)
		require.NoError(t, j.Close())
		name := "/j/" + fileName(f.State().File)
		handle, err := disk.Open(name)
		require.NoError(t, err)
		content := make([]byte, f.State().Offset)
		_, err = handle.ReadAt(content, 0)
		require.NoError(t, err)
		offsets := batchOffsets(content)
		overwrite(t, disk, name, content[:offsets[len(offsets)-1]])
		require.False(t, promoted(t, disk, f))
	})
	t.Run("a wiped directory", func(t *testing.T) {
		disk, j, f := begin(t)
		require.NoError(t, j.Close())
		require.NoError(t, disk.Remove("/j/"+fileName(1)))
		o := smallFiles(disk)
		o.Lease = newLease(7)
		j = mustOpen(t, o)
		addMessages(t, j, 100, 140)
		require.NoError(t, j.Close())
		require.False(t, promoted(t, disk, f))
	})
	t.Run("a file that is back", func(t *testing.T) {
		disk, j, f := begin(t)
		for _, op := range fillFiles(t, j, 2) {
			require.NoError(t, await(j, store.Single(taking(op), true, nil)))
		}
		for i := int64(1); i <= 20; i++ {
			require.NoError(t, await(j, store.Single(taking(addition(i)), true, nil)))
		}
		before := disk.Snapshot()
		require.NoError(t, j.Collect())
		step(t, f)
		step(t, f)
		require.NoError(t, j.Close())
		require.False(t, promoted(t, before, f))
	})
	t.Run("a deposed master", func(t *testing.T) {
		disk, old, f := begin(t)
		j := mustOpen(t, smallFiles(disk))
		addMessages(t, j, 21, 25)
		step(t, f)
		require.Zero(t, f.State().Anew)
		require.NoError(t, old.Close())
		require.NoError(t, j.Close())
		require.True(t, promoted(t, disk, f))
	})
	t.Run("writes of a deposed master", func(t *testing.T) {
		disk, old, f := begin(t)
		fork := disk.Snapshot()
		addMessages(t, old, 1000, 1010)
		step(t, f)
		require.NoError(t, old.Close())
		require.NoError(t, mustOpen(t, smallFiles(fork)).Close()) // it never had them
		require.False(t, promoted(t, fork, f))
	})
}

// TestFollowerErrors: errors are tried again, and nothing is lost by them.
func TestFollowerErrors(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, smallFiles(disk))
	fillFiles(t, j, 3)
	failing := true
	fs := &vfs.Faulty{FS: disk, Fault: func(call vfs.Call, name string) error {
		if failing && (call == vfs.CallRead || call == vfs.CallList) {
			return fmt.Errorf("%s: stale", name)
		}
		return nil
	}}
	f, err := Follow(FollowOptions{Directory: "/j", FS: fs, Log: quiet})
	require.NoError(t, err)
	for range 3 {
		_, err = f.pass()
		require.ErrorContains(t, err, "stale")
	}
	failing = false
	_, err = f.pass()
	require.NoError(t, err)
	addMessages(t, j, 1000, 1003)
	failing = true
	_, err = f.pass()
	require.ErrorContains(t, err, "stale")
	failing = false
	_, err = f.pass()
	require.NoError(t, err)
	require.True(t, f.State().CaughtUp)
	require.Zero(t, f.State().Anew)
	require.NoError(t, j.Close())
	require.True(t, promoted(t, disk, f))
}

// TestFollowerRemembersSequences: the broker's highest sequence is known when
// the files that showed it have gone.
func TestFollowerRemembersSequences(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, smallFiles(disk))
	m := kilobyte(testQueue, 1, 1)
	m.ID.BrokerSequence = 4711
	u := store.Single(store.Op{Action: store.Add, Destination: testQueue, Message: m}, true, nil)
	require.NoError(t, await(j, u))
	f := follow(t, disk)
	step(t, f)
	require.NoError(t, await(j, store.Single(taking(u.Ops[0]), true, nil)))
	for _, op := range fillFiles(t, j, 1) {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	require.NoError(t, j.Collect())
	require.NoError(t, j.Close())
	o := smallFiles(disk)
	o.Follower = f
	j = mustOpen(t, o)
	require.EqualValues(t, 4711, j.Recovered().LastBrokerSequence)
	require.NoError(t, j.Close())
}

func TestFollowOptions(t *testing.T) {
	_, err := Follow(FollowOptions{})
	require.ErrorIs(t, err, errOptions)
}
