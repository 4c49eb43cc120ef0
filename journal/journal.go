package journal

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/committer"
)

// Journal is a store.Store on KahaDB's files.
type Journal struct {
	o         Options
	epoch     uint64
	head      fileHead              // of every file
	inaugural []message.Destination // whose exposure the first file says; nil after that
	lost      []uint32              // files that should be there and were not when it was opened
	state     *store.State
	damage    []Damage
	damaged   map[uint32]bool // files that hold what could not be read
	segments  *segments
	holds     *holds
	allocator *allocator

	turn   atomic.Pointer[chan struct{}] // see Turn
	failed chan struct{}                 // closed by fail
	ended  chan struct{}                 // closed when the committer has ended
	stop   chan struct{}                 // closed by Close; ends the janitor and the watcher
	joined sync.WaitGroup
	closer sync.Once
	result error // of Close; before ended

	queueMu  sync.Mutex
	backlog  int64                         // queueMu; bytes of what is pending
	closed   bool                          // queueMu
	failure  error                         // queueMu; why failed is closed
	lastSeq  store.Seq                     // queueMu; newest given out
	branches *store.Branches[*transaction] // queueMu
	gate     store.Gate                    // queueMu; opened when Admit should look again

	indexMu sync.RWMutex
	index   *index          // indexMu
	bad     map[uint64]bool // indexMu; seqs already reported as unreadable
	unread  atomic.Int64    // messages that could not be read back

	collectMu sync.Mutex // held while files are deleted, replaced, or looked at for a snapshot
	compactor *compactor
	rotated   atomic.Int64  // when the current file was begun, nanoseconds since 1970
	moved     atomic.Uint64 // how often files were replaced; changed with indexMu
	moments   atomic.Int32  // that are kept; raised with collectMu

	brokerSequence int64           // indexMu; the highest
	superseded     map[uint32]bool // files while which there is no snapshot
	staleSnapshot  bool            // the one that was found does not fit
	opening        Opening
	written        atomic.Int64 // bytes of batches, by the committer
	snapshotting   sync.Mutex   // held while one is written
	snapshotAt     atomic.Int64 // written as it was for the newest
	snapshotMu     sync.Mutex
	snapshots      SnapshotState // snapshotMu

	role   *committer.Role // with what is pending; its lock is queueMu
	writer writer          // role
}

var _ store.Store = (*Journal)(nil)

// Recovered says what the journal held when it was opened.
func (j *Journal) Recovered() *store.State { return j.state }

// Damage lists what could not be read when the journal was opened.
func (j *Journal) Damage() []Damage { return j.damage }

// Epoch is the number of this mastership.
func (j *Journal) Epoch() uint64 { return j.epoch }

// Opening says how the journal was opened.
func (j *Journal) Opening() Opening { return j.opening }

// Failed is closed when the journal takes nothing more.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// Unreadable is how many messages a page has had to leave out.
func (j *Journal) Unreadable() int64 { return j.unread.Load() }

// Size is the bytes of batches in all files.
func (j *Journal) Size() int64 { return j.segments.size() }

// Admit holds a producer back while there is too much unwritten, or no space.
func (j *Journal) Admit(ctx context.Context) error {
	return j.gate.Pass(ctx, &j.queueMu, func() (bool, error) {
		full := j.allocator.isFull()
		switch {
		case j.failure != nil:
			return false, j.failure
		case j.closed:
			return false, store.ErrClosed
		case full && j.o.FailIfNoSpace:
			return false, store.ErrNoSpace
		}
		return !full && j.backlog < j.o.MaxPending, nil
	})
}

// Roomy reports that what is appended now will find space: another file is
// ready for it.
func (j *Journal) Roomy() bool { return j.allocator.roomy.Load() }

// releaseRoom lets everyone in Admit look again.
func (j *Journal) releaseRoom() {
	j.queueMu.Lock()
	defer j.queueMu.Unlock()
	j.gate.Open()
}

// Find looks a message up by its id; see store.Store.
func (j *Journal) Find(dest message.Destination, id message.MessageID) (store.Seq, bool) {
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	d := j.index.destinations[dest]
	if d == nil {
		return 0, false
	}
	h := j.index.find(d, identity{id.Producer, id.ProducerSequence})
	if h == 0 {
		return 0, false
	}
	return store.Seq(j.index.slab.get(h).seq), true
}

// LastSequence is the highest sequence stored of a producer, or -1.
func (j *Journal) LastSequence(producer message.ProducerID) int64 {
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	return j.index.producers.last(producer)
}

// fail ends the journal for good: nothing is written any more, and every Done
// that waits reports it.
func (j *Journal) fail(cause error) {
	j.queueMu.Lock()
	if j.failure != nil {
		j.queueMu.Unlock()
		return
	}
	j.failure = fmt.Errorf("%w: %w", store.ErrFailed, cause)
	j.gate.Open()
	close(j.failed)
	j.queueMu.Unlock()
	j.o.Log.Error("journal has failed", "directory", j.o.Directory, "error", cause)
	j.allocator.interrupt()
	j.role.Wake()
	if j.o.OnFatal != nil {
		j.o.OnFatal(cause)
	}
}

// failureOf returns why the journal has failed, or nil.
func (j *Journal) failureOf() error {
	j.queueMu.Lock()
	defer j.queueMu.Unlock()
	return j.failure
}

// watch fails the journal as soon as its lease is lost, even while the
// committer hangs in a system call.
func (j *Journal) watch() {
	defer j.joined.Done()
	select {
	case <-j.o.Lease.Lost():
		j.fail(store.ErrLeaseLost)
	case <-j.stop:
	}
}

// Close writes what was appended and closes the files.
func (j *Journal) Close() error {
	j.closer.Do(func() {
		close(j.stop)
		j.joined.Wait()
		j.queueMu.Lock()
		j.closed = true
		j.gate.Open()
		j.queueMu.Unlock()
		j.role.Wake()
		<-j.ended
		j.allocator.close(j.failureOf() == nil)
		j.segments.close()
	})
	<-j.ended
	return j.result
}
