package jdbcstore

import (
	"context"

	"github.com/conclavemq/conclave/store"
)

// Append encodes u on the caller's goroutine and queues it.
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
		s.placeLocked(u, w)
	}
	s.pending = append(s.pending, u)
	s.backlog += w.size
	if u.Sync {
		s.syncs.Add(1)
	}
	s.queueMu.Unlock()
	s.signal()
}

// placeLocked gives u its positions, and settles which prepared transaction
// it makes or ends.
func (s *Store) placeLocked(u *store.Unit, w *work) {
	switch {
	case u.Outcome == store.Prepare:
		w.prepared = &prepared{ops: u.Ops, rows: make([]int64, len(u.Ops))}
		for i := range u.Ops {
			if u.Ops[i].Action == store.Add {
				s.lastSeq++
				w.prepared.rows[i] = int64(s.lastSeq)
			}
		}
		s.prepared[u.Transaction] = w.prepared
		return
	case u.Outcome == store.Rollback, u.Outcome == store.Commit && len(u.Ops) == 0:
		w.prepared = s.prepared[u.Transaction]
		if w.prepared == nil {
			w.err = store.ErrUnknownTransaction
			return
		}
		delete(s.prepared, u.Transaction)
		if u.Outcome == store.Rollback {
			return
		}
		u.Ops = w.prepared.ops
	}
	for i := range u.Ops {
		if u.Ops[i].Action == store.Add {
			s.lastSeq++
			u.Ops[i].Seq = s.lastSeq
		}
	}
}

// Cancel takes u back while it waits for the committer. The making and ending
// of prepared transactions cannot be taken back.
func (s *Store) Cancel(u *store.Unit) bool {
	w, ok := u.Work.(*work)
	if !ok || w.prepared != nil {
		return false
	}
	return w.stage.CompareAndSwap(waiting, cancelled)
}

// Admit waits while too many bytes are unwritten or the database is full.
func (s *Store) Admit(ctx context.Context) error {
	for {
		s.queueMu.Lock()
		full := s.full
		switch {
		case s.failure != nil:
			err := s.failure
			s.queueMu.Unlock()
			return err
		case s.closed:
			s.queueMu.Unlock()
			return store.ErrClosed
		case full && s.o.FailIfNoSpace:
			s.queueMu.Unlock()
			return store.ErrNoSpace
		case !full && s.backlog < s.o.MaxPending:
			s.queueMu.Unlock()
			return nil
		}
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.queueMu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) releaseRoomLocked() {
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
}

func (s *Store) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
