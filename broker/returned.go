package broker

import (
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/store"
)

// returned are the stored messages that a rolled back transaction has given
// back after its consumer was gone. A client that stayed, and has failed over
// in between, remembers that it has passed them on and takes them for
// duplicates; they are not consumed for that. ActiveMQ makes dead letters of
// them.
type returned struct {
	n    atomic.Int32 // len(seqs)
	mu   sync.Mutex
	seqs map[store.Seq]struct{} // mu; those that are not consumed yet
}

func (x *returned) add(seq store.Seq) {
	if seq == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.seqs == nil {
		x.seqs = map[store.Seq]struct{}{}
	}
	x.seqs[seq] = struct{}{}
	x.n.Store(int32(len(x.seqs)))
}

func (x *returned) has(seq store.Seq) bool {
	if x.n.Load() == 0 {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.seqs[seq]
	return ok
}

func (x *returned) remove(seq store.Seq) {
	if x.n.Load() == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.seqs, seq)
	x.n.Store(int32(len(x.seqs)))
}

func (q *queue) wasReturned(r *ref) bool { return q.returned.has(r.key.seq) }
func (f *feed) wasReturned(r *ref) bool  { return f.returned.has(r.key.seq) }
