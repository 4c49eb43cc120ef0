package jdbcstore

import (
	"context"

	"github.com/conclavemq/conclave/store"
)

// Append encodes u on the caller's goroutine and queues it. The committer is
// not woken where the caller is going to lead; see package committer.
func (s *Store) Append(u *store.Unit) {
	w := s.encode(u)
	u.Work = w
	s.queueMu.Lock()
	if s.closed || s.failure != nil {
		err := store.ErrClosed
		if s.failure != nil {
			err = s.failure
		}
		s.queueMu.Unlock()
		w.release()
		if u.Done != nil {
			go u.Done(err)
		}
		return
	}
	if w.err == nil {
		w.branch, w.err = s.branches.Place(u, &s.lastSeq)
	}
	s.backlog += w.size
	wake := s.role.AppendLocked(u)
	s.queueMu.Unlock()
	if wake {
		s.role.Wake()
	}
}

// prepared is what is kept of a transaction that waits for its outcome.
type prepared struct {
	rows []int64 // of each Op that is an Add: the ID of its row until the commit
}

type branch = store.Branch[prepared]

// holdLocked gives the messages of a transaction that u prepares the IDs of
// their rows.
func (s *Store) holdLocked(u *store.Unit) prepared {
	p := prepared{rows: make([]int64, len(u.Ops))}
	for i := range u.Ops {
		if u.Ops[i].Action == store.Add {
			s.lastSeq++
			p.rows[i] = int64(s.lastSeq)
		}
	}
	return p
}

// Cancel takes u back while it waits for the committer. The making and ending
// of prepared transactions cannot be taken back.
func (s *Store) Cancel(u *store.Unit) bool {
	w, ok := u.Work.(*work)
	if !ok || w.branch != nil {
		return false
	}
	return w.stage.CompareAndSwap(waiting, cancelled)
}

// Admit waits while too many bytes are unwritten or the database is full.
func (s *Store) Admit(ctx context.Context) error {
	return s.gate.Pass(ctx, &s.queueMu, func() (bool, error) {
		switch {
		case s.failure != nil:
			return false, s.failure
		case s.closed:
			return false, store.ErrClosed
		case s.full && s.o.FailIfNoSpace:
			return false, store.ErrNoSpace
		}
		return !s.full && s.backlog < s.o.MaxPending, nil
	})
}
