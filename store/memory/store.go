package memory

import (
	"context"
	"sync"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// maxPending is how many units wait unapplied before Admit holds producers
// back.
const maxPending = 16384

// Store keeps messages in memory. See store.Store for its methods.
type Store struct {
	wake   chan struct{} // capacity 1: something is in pending, or closed is set
	failed chan struct{} // never closed: memory does not fail
	done   chan struct{} // closed when the committer has ended

	queueMu  sync.Mutex
	pending  []*store.Unit             // queueMu; in log order
	lastSeq  store.Seq                 // queueMu
	branches *store.Branches[struct{}] // queueMu
	closed   bool                      // queueMu
	gate     store.Gate                // queueMu; opened when pending shrinks

	stateMu      sync.RWMutex
	destinations map[message.Destination]*destination // stateMu
	sequences    sequences                            // stateMu
	size         int64                                // stateMu; bytes of messages kept
}

var _ store.Store = (*Store)(nil)

// New returns an empty store, whose committer runs until Close.
func New() *Store {
	s := &Store{
		wake:         make(chan struct{}, 1),
		failed:       make(chan struct{}),
		done:         make(chan struct{}),
		branches:     store.NewBranches(func(*store.Unit) (none struct{}) { return none }),
		destinations: map[message.Destination]*destination{},
		sequences:    newSequences(maxProducers),
	}
	go s.commit()
	return s
}

// Recovered is empty: nothing survives a process.
func (s *Store) Recovered() *store.State { return &store.State{} }

// Admit waits while too many units are unapplied.
func (s *Store) Admit(ctx context.Context) error {
	return s.gate.Pass(ctx, &s.queueMu, func() (bool, error) {
		if s.closed {
			return false, store.ErrClosed
		}
		return len(s.pending) < maxPending, nil
	})
}

// Append queues u for the committer. After Close, Done gets ErrClosed on a
// goroutine of its own.
func (s *Store) Append(u *store.Unit) {
	s.queueMu.Lock()
	if s.closed {
		s.queueMu.Unlock()
		if u.Done != nil {
			go u.Done(store.ErrClosed)
		}
		return
	}
	p := &placed{}
	u.Work = p
	p.branch, p.err = s.branches.Place(u, &s.lastSeq)
	s.pending = append(s.pending, u)
	s.queueMu.Unlock()
	s.signal()
}

// Cancel takes u out of the queue. The ends of prepared transactions cannot
// be taken back.
func (s *Store) Cancel(u *store.Unit) bool {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	p, ok := u.Work.(*placed)
	if !ok || p.state != waiting || p.branch != nil {
		return false
	}
	p.state = cancelled
	return true
}

// Find looks a message up by its id; see store.Store.
func (s *Store) Find(dest message.Destination, id message.MessageID) (store.Seq, bool) {
	s.stateMu.RLock()
	defer s.stateMu.RUnlock()
	if d := s.destinations[dest]; d != nil {
		seq, ok := d.ids[id.Key()]
		return seq, ok
	}
	return 0, false
}

// LastSequence is what the Adds of a producer reached, for the producers that
// added most recently.
func (s *Store) LastSequence(producer message.ProducerID) int64 {
	s.stateMu.Lock()
	defer s.stateMu.Unlock()
	return s.sequences.last(producer)
}

// Size is the bytes of the messages kept.
func (s *Store) Size() int64 {
	s.stateMu.RLock()
	defer s.stateMu.RUnlock()
	return s.size
}

// Failed is never closed.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Close waits until every appended unit is done.
func (s *Store) Close() error {
	s.queueMu.Lock()
	s.closed = true
	s.gate.Open()
	s.queueMu.Unlock()
	s.signal()
	<-s.done
	return nil
}

func (s *Store) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
