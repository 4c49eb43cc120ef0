package store

import "github.com/conclavemq/conclave/message"

// Branch is a prepared transaction as a store keeps it.
type Branch[T any] struct {
	Ops []Op
	Own T // what the store needs beside them
	// refused says that the unit that prepares it was not written.
	refused bool // the committer's
}

// Refused reports that the unit which prepares the branch was not written.
// Only the committer may ask. nil is no branch.
func (b *Branch[T]) Refused() bool { return b != nil && b.refused }

// Branches are the prepared transactions of a store, as of the last unit that
// was appended: a branch whose end is under way has gone. The lock that orders
// Append guards it.
type Branches[T any] struct {
	hold func(*Unit) T
	open map[message.TransactionID]*Branch[T]
}

// NewBranches is empty. hold makes what the store keeps of a unit that
// prepares a branch; it is called by Place.
func NewBranches[T any](hold func(*Unit) T) *Branches[T] {
	return &Branches[T]{hold: hold, open: map[message.TransactionID]*Branch[T]{}}
}

// Restore puts in a branch that the store held when it was opened.
func (s *Branches[T]) Restore(id message.TransactionID, ops []Op, own T) {
	s.open[id] = &Branch[T]{Ops: ops, Own: own}
}

// Place gives the Adds of u the positions behind last, and settles which branch
// u makes or ends; nil is none. A commit gets the operations of its branch. The
// error is ErrUnknownTransaction: there is none to end.
func (s *Branches[T]) Place(u *Unit, last *Seq) (b *Branch[T], err error) {
	switch {
	case u.Outcome == Prepare:
		b = &Branch[T]{Ops: u.Ops, Own: s.hold(u)}
		s.open[u.Transaction] = b
		return b, nil
	case u.Outcome == Rollback, u.Outcome == Commit && len(u.Ops) == 0:
		if b = s.open[u.Transaction]; b == nil {
			return nil, ErrUnknownTransaction
		}
		delete(s.open, u.Transaction)
		if u.Outcome == Rollback {
			return b, nil
		}
		u.Ops = b.Ops
	}
	for i := range u.Ops {
		if u.Ops[i].Action == Add {
			*last++
			u.Ops[i].Seq = *last
		}
	}
	return b, nil
}

// Undo makes up for a unit that was to make or end b and was refused. The
// committer calls it, with the lock.
func (s *Branches[T]) Undo(u *Unit, b *Branch[T]) {
	if u.Outcome == Prepare {
		b.refused = true
		if s.open[u.Transaction] == b {
			delete(s.open, u.Transaction)
		}
	} else if !b.refused && s.open[u.Transaction] == nil {
		s.open[u.Transaction] = b
	}
}
