package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func xa(global string) message.TransactionID {
	return message.TransactionID{XA: true, XID: message.XID{Global: global}}
}

func TestBranches(t *testing.T) {
	last, held := Seq(10), 0
	s := NewBranches(func(u *Unit) int { held += len(u.Ops); return held })
	adds := func() []Op { return []Op{{Action: Add}, {Action: Remove}, {Action: Add}} }

	plain := &Unit{Ops: adds()}
	b, err := s.Place(plain, &last)
	require.NoError(t, err)
	require.Nil(t, b)
	require.False(t, b.Refused())
	require.Equal(t, []Seq{11, 0, 12}, []Seq{plain.Ops[0].Seq, plain.Ops[1].Seq, plain.Ops[2].Seq})

	prepare := &Unit{Outcome: Prepare, Transaction: xa("a"), Ops: adds()}
	made, err := s.Place(prepare, &last)
	require.NoError(t, err)
	require.Equal(t, 3, made.Own)
	require.Equal(t, Seq(12), last, "its messages have no place yet")

	commit := &Unit{Outcome: Commit, Transaction: xa("a")}
	ended, err := s.Place(commit, &last)
	require.NoError(t, err)
	require.Same(t, made, ended)
	require.Equal(t, Seq(14), commit.Ops[2].Seq)
	_, err = s.Place(&Unit{Outcome: Rollback, Transaction: xa("a")}, &last)
	require.ErrorIs(t, err, ErrUnknownTransaction, "it is about to be committed")

	s.Undo(commit, ended)
	again, err := s.Place(&Unit{Outcome: Rollback, Transaction: xa("a")}, &last)
	require.NoError(t, err, "the commit was refused, so the branch is there")
	require.Same(t, made, again)

	refused, err := s.Place(&Unit{Outcome: Prepare, Transaction: xa("b"), Ops: adds()}, &last)
	require.NoError(t, err)
	following := &Unit{Outcome: Commit, Transaction: xa("b")}
	same, err := s.Place(following, &last)
	require.NoError(t, err)
	s.Undo(&Unit{Outcome: Prepare, Transaction: xa("b")}, refused)
	require.True(t, same.Refused())
	s.Undo(following, same)
	_, err = s.Place(&Unit{Outcome: Commit, Transaction: xa("b")}, &last)
	require.ErrorIs(t, err, ErrUnknownTransaction, "what was never prepared does not come back")

	s.Restore(xa("c"), adds(), 7)
	b, err = s.Place(&Unit{Outcome: Rollback, Transaction: xa("c")}, &last)
	require.NoError(t, err)
	require.Equal(t, 7, b.Own)
}
