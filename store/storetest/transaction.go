package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// within makes a unit of a transaction.
func within(id message.TransactionID, outcome store.Outcome, ops ...store.Op) *store.Unit {
	return &store.Unit{Transaction: id, Outcome: outcome, Ops: ops, Sync: true}
}

func inTransaction(m *message.Message, id message.TransactionID) *message.Message {
	m.Transaction = id
	return m
}

func testCommit(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 4)
	for n, id := range []message.TransactionID{localTransaction(7), xaTransaction(7)} {
		m := inTransaction(text(orders, 2, n+1, 30), id)
		u := within(id, store.Commit, remove(entries[1].Message, entries[1].Seq), add(m))
		require.NoError(t, do(t, s, u))
		require.Greater(t, u.Ops[1].Seq, entries[len(entries)-1].Seq)
		entries = append(without(entries, 1), store.Entry{Message: m, Seq: u.Ops[1].Seq})
		same(t, entries, all(t, s, orders))
	}
}

func testPrepare(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 3)
	a, b := xaTransaction(1), xaTransaction(2)
	ma, mb := inTransaction(text(orders, 2, 1, 30), a), inTransaction(text(orders, 3, 1, 30), b)
	require.NoError(t, do(t, s, within(a, store.Prepare, add(ma))))
	require.NoError(t, do(t, s, within(b, store.Prepare, add(mb))))
	same(t, entries, all(t, s, orders))
	for _, c := range []struct {
		id message.TransactionID
		m  *message.Message
	}{{b, mb}, {a, ma}} {
		u := within(c.id, store.Commit)
		require.NoError(t, do(t, s, u))
		require.Len(t, u.Ops, 1, "the store fills in what was prepared")
		require.Equal(t, store.Add, u.Ops[0].Action)
		require.Equal(t, orders, u.Ops[0].Destination)
		require.Greater(t, u.Ops[0].Seq, entries[len(entries)-1].Seq, "a message takes its place at the commit")
		entries = append(entries, store.Entry{Message: c.m, Seq: u.Ops[0].Seq})
		sameMessages(t, entries[len(entries)-1:], []store.Entry{{Message: u.Ops[0].Message}})
		same(t, entries, all(t, s, orders))
		require.ErrorIs(t, do(t, s, within(c.id, store.Commit)), store.ErrUnknownTransaction)
	}
}

func testPreparedRemoval(t *testing.T, f Factory) {
	s := f.open(t)
	sub := subscription("a")
	must(t, s, subscribe(sub, false))
	queued, published := fill(t, s, orders, 1, 1, 3), fill(t, s, news, 2, 1, 3)
	id := xaTransaction(1)
	require.NoError(t, do(t, s, within(id, store.Prepare,
		remove(queued[1].Message, queued[1].Seq),
		acknowledge(published[0].Message, published[0].Seq, sub.Key()))))
	same(t, queued, all(t, s, orders))
	same(t, published, unacknowledged(t, s, news, sub.Key()))
	u := within(id, store.Commit)
	require.NoError(t, do(t, s, u))
	require.Len(t, u.Ops, 2)
	require.Equal(t, queued[1].Seq, u.Ops[0].Seq)
	require.Equal(t, published[0].Seq, u.Ops[1].Seq)
	same(t, without(queued, 1), all(t, s, orders))
	same(t, published[1:], unacknowledged(t, s, news, sub.Key()))
}

func testRollback(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 3)
	id := xaTransaction(1)
	require.NoError(t, do(t, s, within(id, store.Prepare,
		add(inTransaction(text(orders, 2, 1, 30), id)), remove(entries[1].Message, entries[1].Seq))))
	require.NoError(t, do(t, s, within(id, store.Rollback)))
	same(t, entries, all(t, s, orders))
	require.ErrorIs(t, do(t, s, within(id, store.Commit)), store.ErrUnknownTransaction)
	require.NoError(t, do(t, s, within(id, store.Prepare, remove(entries[0].Message, entries[0].Seq))))
	require.NoError(t, do(t, s, within(id, store.Commit)))
	same(t, entries[1:], all(t, s, orders))
}

func testUnknownTransaction(t *testing.T, f Factory) {
	s := f.open(t)
	require.ErrorIs(t, do(t, s, within(xaTransaction(1), store.Commit)), store.ErrUnknownTransaction)
	require.ErrorIs(t, do(t, s, within(xaTransaction(1), store.Rollback)), store.ErrUnknownTransaction)
	fill(t, s, orders, 1, 1, 1)
}
