package journal

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// awaitLed is await by a caller that leads if it may.
func awaitLed(j *Journal, u *store.Unit) error {
	done := make(chan error, 1)
	u.Sync, u.Led, u.Done = true, true, func(err error) { done <- err }
	j.Append(u)
	j.Lead()
	return <-done
}

// leadable waits until a caller may lead, as if units had come one at a time
// for long enough.
func leadable(t *testing.T, j *Journal) {
	j.role.Isolate()
	require.Eventually(t, j.role.Leadable, 10*time.Second, 100*time.Microsecond)
}

// TestLeaderCommitsItself: Done has been called when Lead returns, by the
// leader. What is not led, and what nobody is alone with, is the committer's.
func TestLeaderCommitsItself(t *testing.T) {
	j := mustOpen(t, testOptions(vfs.NewMemory(), "/j"))
	for i := int64(1); i <= 1000; i++ { // several files
		leadable(t, j)
		called := false // by this goroutine, says the race detector
		j.Append(&store.Unit{Ops: []store.Op{addition(i)}, Sync: true, Led: true, Done: func(err error) { called = err == nil }})
		j.Lead()
		require.True(t, called)
	}
	require.NoError(t, await(j, store.Single(addition(1001), true, nil)))
	require.Equal(t, upTo(1001), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
	require.ErrorIs(t, awaitLed(j, store.Single(addition(1002), true, nil)), store.ErrClosed)
}

// TestNobodyLeadsWithoutSyncs: with another strategy the committer has syncs of
// its own to think of.
func TestNobodyLeadsWithoutSyncs(t *testing.T) {
	for _, strategy := range []DiskSync{Periodic, Never} {
		o := testOptions(vfs.NewMemory(), "/j")
		o.DiskSync = strategy
		j := mustOpen(t, o)
		for i := int64(1); i <= 20; i++ {
			done := make(chan error, 1)
			j.Append(&store.Unit{Ops: []store.Op{addition(i)}, Sync: true, Led: true, Done: func(err error) { done <- err }})
			require.NoError(t, <-done) // without Lead
		}
		require.NoError(t, j.Close())
	}
}

// hungDisk is a disk whose syncs of journal files wait, once armed.
type hungDisk struct {
	armed   atomic.Bool
	hanging chan struct{} // a sync has begun to wait
	release chan struct{}
}

func newHungDisk() (*hungDisk, *vfs.Faulty) {
	h := &hungDisk{hanging: make(chan struct{}, 100), release: make(chan struct{}, 100)}
	return h, &vfs.Faulty{FS: vfs.NewMemory(), Fault: func(call vfs.Call, _ string) error {
		if call == vfs.CallSync && h.armed.Load() {
			h.hanging <- struct{}{}
			<-h.release
		}
		return nil
	}}
}

// armWhenQuiet lets the syncs of the allocator pass first.
func (h *hungDisk) armWhenQuiet(t *testing.T, j *Journal) {
	j.allocator.interrupt()
	<-j.allocator.done
	leadable(t, j)
	h.armed.Store(true)
}

// TestLeaderHandsOn: what comes while a leader syncs is the committer's, so
// that the leader returns to its own client, however many more come.
func TestLeaderHandsOn(t *testing.T) {
	disk, fs := newHungDisk()
	j := mustOpen(t, testOptions(fs, "/j"))
	addMessages(t, j, 1, 3)
	disk.armWhenQuiet(t, j)
	led := make(chan error, 1)
	go func() { led <- awaitLed(j, store.Single(addition(4), true, nil)) }()
	<-disk.hanging
	others := make(chan error, 2)
	for i := int64(5); i <= 6; i++ {
		j.Append(&store.Unit{Ops: []store.Op{addition(i)}, Sync: true, Led: i == 6, Done: func(err error) { others <- err }})
		j.Lead()
	}
	disk.release <- struct{}{}
	require.NoError(t, <-led) // while the disk hangs for the others
	<-disk.hanging
	require.Empty(t, others)
	disk.release <- struct{}{}
	require.NoError(t, <-others)
	require.NoError(t, <-others)
	disk.armed.Store(false)
	require.Equal(t, upTo(6), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}

// TestHungLeaderLosesItsLease: the watcher fails the journal while a leader
// hangs in a sync. The leader confirms nothing when the sync comes to its end,
// nor does anybody else.
func TestHungLeaderLosesItsLease(t *testing.T) {
	disk, fs := newHungDisk()
	o, l := testOptions(fs, "/j"), newLease(1)
	o.Lease = l
	fatal := make(chan error, 1)
	o.OnFatal = func(err error) { fatal <- err }
	j := mustOpen(t, o)
	addMessages(t, j, 1, 3)
	disk.armWhenQuiet(t, j)
	led, other := make(chan error, 1), make(chan error, 1)
	go func() { led <- awaitLed(j, store.Single(addition(4), true, nil)) }()
	<-disk.hanging
	j.Append(store.Single(addition(5), true, func(err error) { other <- err }))
	l.lose()
	require.ErrorIs(t, <-fatal, store.ErrLeaseLost)
	<-j.Failed()
	require.Empty(t, led)
	disk.armed.Store(false)
	disk.release <- struct{}{}
	require.ErrorIs(t, <-led, store.ErrLeaseLost)
	require.ErrorIs(t, <-other, store.ErrLeaseLost)
	require.Equal(t, upTo(3), sequences(t, j, testQueue))
	_ = j.Close()
}

// TestLeaderWaitsForTheLease like the committer, after its sync.
func TestLeaderWaitsForTheLease(t *testing.T) {
	disk, fs := newHungDisk()
	o, l := testOptions(fs, "/j"), newLease(1)
	o.Lease = l
	j := mustOpen(t, o)
	addMessages(t, j, 1, 3)
	disk.armWhenQuiet(t, j)
	led := make(chan error, 1)
	go func() { led <- awaitLed(j, store.Single(addition(4), true, nil)) }()
	<-disk.hanging
	l.valid.Store(false)
	disk.armed.Store(false)
	disk.release <- struct{}{}
	select {
	case <-led:
		require.Fail(t, "confirmed without a valid lease")
	case <-time.After(20 * time.Millisecond):
	}
	require.Equal(t, upTo(3), sequences(t, j, testQueue))
	l.valid.Store(true)
	require.NoError(t, <-led)
	require.NoError(t, j.Close())
}

// TestCloseWaitsForALeader, and so does the next file; what the leader has
// begun is confirmed, and what comes after Close is refused.
func TestCloseWaitsForALeader(t *testing.T) {
	disk, fs := newHungDisk()
	j := mustOpen(t, testOptions(fs, "/j"))
	addMessages(t, j, 1, 3)
	disk.armWhenQuiet(t, j)
	led, turned, closed := make(chan error, 1), make(chan struct{}), make(chan error, 1)
	go func() { led <- awaitLed(j, store.Single(addition(4), true, nil)) }()
	<-disk.hanging
	go func() { defer close(turned); j.Turn(t.Context()) }()
	go func() { closed <- j.Close() }()
	require.Eventually(t, func() bool {
		j.queueMu.Lock()
		defer j.queueMu.Unlock()
		return j.closed
	}, 10*time.Second, 100*time.Microsecond)
	require.ErrorIs(t, awaitLed(j, store.Single(addition(5), true, nil)), store.ErrClosed)
	require.Empty(t, led)
	require.Empty(t, closed)
	disk.armed.Store(false)
	disk.release <- struct{}{}
	require.NoError(t, <-led)
	<-turned
	require.NoError(t, <-closed)
	j = mustOpen(t, testOptions(fs, "/j"))
	require.Equal(t, upTo(4), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}

// TestFaultOfALeaderIsFinal: a reader's backstop must not hide that a batch
// was carried out half-way.
func TestFaultOfALeaderIsFinal(t *testing.T) {
	j := mustOpen(t, testOptions(vfs.NewMemory(), "/j"))
	addMessages(t, j, 1, 3)
	leadable(t, j)
	j.Append(&store.Unit{Ops: []store.Op{addition(4)}, Sync: true, Led: true, Done: func(error) { panic("fault") }})
	require.Panics(t, j.Lead)
	<-j.Failed()
	require.ErrorIs(t, await(j, store.Single(addition(5), true, nil)), store.ErrFailed)
	_ = j.Close()
}

// TestLeadersAndCommitter: whoever commits, every unit is done once, in log
// order, and none is forgotten.
func TestLeadersAndCommitter(t *testing.T) {
	j := mustOpen(t, testOptions(vfs.NewMemory(), "/j"))
	const each = 400
	var last store.Seq // guarded by the role: Done functions follow one another
	var wait sync.WaitGroup
	for p := range int64(6) {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(uint64(p), 1))
			for i := range int64(each) {
				done := make(chan error, 1)
				u := &store.Unit{Ops: []store.Op{addition(1 + p*each + i)}, Sync: random.IntN(4) > 0, Led: p > 0 && random.IntN(4) > 0}
				u.Done = func(err error) {
					if err == nil && u.Ops[0].Seq > last {
						last = u.Ops[0].Seq
						done <- nil
					} else {
						done <- store.ErrFailed
					}
				}
				j.Append(u)
				if u.Led {
					j.Lead()
				}
				if random.IntN(8) > 0 {
					require.NoError(t, <-done)
				}
				for range random.IntN(50) {
					runtime.Gosched()
				}
			}
		})
	}
	turn := make(chan struct{})
	go func() {
		defer close(turn)
		for range 20 {
			j.Turn(t.Context())
			runtime.Gosched()
		}
	}()
	wait.Wait()
	<-turn
	require.NoError(t, j.Close())
	require.Equal(t, store.Seq(6*each), last)
}
