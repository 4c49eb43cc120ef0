package journal

import (
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/store"
)

// work is what the journal knows of a unit from Append to Done.
type work struct {
	stage   atomic.Int32
	buf     *[]byte     // records; back in the pool after Done
	sum     uint32      // Adler-32 of buf
	size    int         // of buf
	adds    bool        // needs space for new messages
	updates bool        // is a single Update
	removes bool        // takes messages away
	branch  *heldBranch // that the unit prepares or ends
	err     error       // for Done; the unit is not written
	// build, if not nil, makes the unit when its turn comes: the index is then
	// what the log says.
	build func(u *store.Unit, k *work)
}

// heldBranch is a prepared transaction; its own is what the index has of it.
type heldBranch = store.Branch[*transaction]

// Stages of a unit. Who moves it on from waiting owns it: the committer to
// taken, Cancel to cancelled.
const (
	waiting int32 = iota
	taken
	cancelled
)

// maxPooled is the largest buffer that is kept for the next unit.
const maxPooled = 1 << 20

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

func releaseBuffer(b *[]byte) {
	if b != nil && cap(*b) <= maxPooled {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// Append encodes u on the caller's goroutine and queues it.
func (j *Journal) Append(u *store.Unit) {
	w := &work{buf: buffers.Get().(*[]byte)}
	e := encoders.Get().(*encoder)
	*w.buf, w.err = e.unit(*w.buf, u)
	e.release()
	w.removes = u.Outcome == store.Commit
	for i := range u.Ops {
		switch u.Ops[i].Action {
		case store.Add:
			w.adds = true
		case store.Update:
			w.adds = true
			w.updates = len(u.Ops) == 1
		case store.Remove, store.Acknowledge, store.RemoveSubscription, store.RemoveDestination:
			w.removes = true
		}
	}
	j.enqueue(u, w)
}

// appendRecords queues records that have no operations. They are synced before
// the next batch: nobody waits for them, but a crash that loses them and keeps
// what comes after would look like damage.
func (j *Journal) appendRecords(records []byte) {
	j.enqueue(&store.Unit{Sync: true}, &work{buf: &records})
}

// appendBuilt queues a unit that is made when its turn comes, and waits until
// it is durable.
func (j *Journal) appendBuilt(build func(u *store.Unit, k *work)) error {
	result := make(chan error, 1)
	u := &store.Unit{Sync: true, Done: func(err error) { result <- err }}
	j.enqueue(u, &work{buf: &[]byte{}, build: build})
	return <-result
}

func (j *Journal) enqueue(u *store.Unit, w *work) {
	w.size = len(*w.buf)
	if w.err == nil && !j.o.NoChecksum {
		w.sum = checksum(*w.buf)
	}
	u.Work = w
	j.queueMu.Lock()
	if j.closed {
		err := store.ErrClosed
		if j.failure != nil {
			err = j.failure
		}
		j.queueMu.Unlock()
		releaseBuffer(w.buf)
		if u.Done != nil {
			go u.Done(err)
		}
		return
	}
	if w.err == nil {
		w.branch, w.err = j.branches.Place(u, &j.lastSeq)
	}
	j.backlog += int64(w.size)
	wake := j.role.AppendLocked(u)
	j.queueMu.Unlock()
	if wake {
		j.role.Wake()
	}
}

// holdOps makes the transaction that u prepares. Its locations are set when
// it has been written.
func holdOps(u *store.Unit) *transaction {
	t := &transaction{ops: make([]heldOp, len(u.Ops))}
	for i := range u.Ops {
		op := &u.Ops[i]
		id, priority := op.ID, uint8(0)
		if op.Action == store.Add {
			id, priority = op.Message.ID, store.Priority(op.Message)
		}
		t.ops[i] = heldOp{action: op.Action, unmatched: op.Unmatched, priority: priority, destination: op.Destination,
			id: identity{id.Producer, id.ProducerSequence}, subscription: op.Subscription}
	}
	return t
}

// Cancel takes u back while it waits for the committer. The making and ending
// of prepared transactions cannot be taken back.
func (j *Journal) Cancel(u *store.Unit) bool {
	w, ok := u.Work.(*work)
	if !ok || w.branch != nil {
		return false
	}
	return w.stage.CompareAndSwap(waiting, cancelled)
}
