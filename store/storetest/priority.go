package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// level reads the messages of one priority in pages of 3.
func level(t require.TestingT, s store.Store, dest message.Destination, subscription string, priority uint8) []store.Entry {
	return pages(t, func(dst []store.Entry, after store.Seq) ([]store.Entry, error) {
		return s.PagePriority(dst, dest, subscription, priority, after, 3, 1<<20)
	})
}

// ofPriority are those of entries that have the priority.
func ofPriority(entries []store.Entry, priority uint8) []store.Entry {
	var list []store.Entry
	for _, e := range entries {
		if store.Priority(e.Message) == priority {
			list = append(list, e)
		}
	}
	return list
}

// fillPriorities adds n messages of mixed priorities, every other one said to
// be of a destination that is read by priority.
func fillPriorities(t require.TestingT, s store.Store, dest message.Destination, first, n int) []store.Entry {
	entries := make([]store.Entry, n)
	for i := range entries {
		m := text(dest, 5, first+i, 50)
		m.Priority = uint8(i * 7 % store.Priorities)
		op := add(m)
		op.Prioritized = i%2 == 0
		entries[i] = store.Entry{Message: m, Seq: must(t, s, op).Ops[0].Seq}
	}
	return entries
}

func sameLevels(t require.TestingT, s store.Store, want []store.Entry, dest message.Destination, subscription string) {
	for p := range uint8(store.Priorities) {
		same(t, ofPriority(want, p), level(t, s, dest, subscription, p))
	}
}

// testPriorities: each of the ten priorities is a list of its own.
func testPriorities(t *testing.T, f Factory) {
	s := f.open(t)
	a, b := subscription("a"), subscription("b")
	must(t, s, subscribe(a, false), subscribe(b, false))
	queued := fillPriorities(t, s, orders, 1, 45)
	heard := fillPriorities(t, s, news, 1, 30)
	for _, e := range []store.Entry{queued[3], queued[13], queued[44]} {
		must(t, s, remove(e.Message, e.Seq))
	}
	must(t, s, acknowledge(heard[2].Message, heard[2].Seq, a.Key()))
	queued = without(queued, 3, 13, 44)
	sameLevels(t, s, queued, orders, "")
	sameLevels(t, s, without(heard, 2), news, a.Key())
	sameLevels(t, s, heard, news, b.Key())
	sameLevels(t, s, heard, news, "")
	sameLevels(t, s, nil, news, "nobody:durable")
	page, err := s.PagePriority(nil, orders, "", 7, ofPriority(queued, 7)[0].Seq, 2, 1<<20)
	require.NoError(t, err)
	same(t, ofPriority(queued, 7)[1:3], page)
	page, err = s.PagePriority(nil, orders, "", store.Priorities, 0, 10, 1<<20)
	require.NoError(t, err)
	require.Empty(t, page)
	beyond := text(orders, 6, 1, 1)
	beyond.Priority = 200
	u := must(t, s, add(beyond))
	page, err = s.PagePriority(nil, orders, "", 9, queued[len(queued)-1].Seq, 2, 1<<20)
	require.NoError(t, err)
	require.Len(t, page, 1, "what is higher than JMS has counts as 9")
	require.Equal(t, u.Ops[0].Seq, page[0].Seq)
}

// testRecount: a message keeps the counter that it was given last.
func testRecount(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 4)
	recount(t, s, entries[1], 1)
	recount(t, s, entries[2], 5)
	recount(t, s, entries[1], 2)
	recount(t, s, store.Entry{Message: text(orders, 9, 9, 1)}, 3)
	require.Equal(t, []int32{0, 2, 5, 0}, counts(all(t, s, orders)))
	same(t, entries, all(t, s, orders))
}

func recount(t require.TestingT, s store.Store, e store.Entry, n int32) {
	must(t, s, store.Op{Action: store.Recount, Destination: e.Message.Destination, ID: e.Message.ID, Seq: e.Seq, Redeliveries: n})
}

func counts(entries []store.Entry) []int32 {
	var list []int32
	for _, e := range entries {
		list = append(list, e.Redeliveries)
	}
	return list
}

func testReopenPriorities(t *testing.T, f Factory) {
	s := f.open(t)
	a := subscription("a")
	must(t, s, subscribe(a, false))
	fillPriorities(t, s, orders, 1, 40)
	fillPriorities(t, s, news, 1, 20)
	prepared := inTransaction(text(orders, 7, 1, 10), xaTransaction(1))
	prepared.Priority = 8
	require.NoError(t, do(t, s, within(xaTransaction(1), store.Prepare, add(prepared))))
	for range 2 {
		s, _ = f.reopen(t, s)
		queued := all(t, s, orders)
		require.Len(t, queued, 40)
		sameLevels(t, s, queued, orders, "")
		sameLevels(t, s, unacknowledged(t, s, news, a.Key()), news, a.Key())
	}
	require.NoError(t, do(t, s, within(xaTransaction(1), store.Commit)))
	queued := all(t, s, orders)
	require.Len(t, ofPriority(queued, 8), 5)
	sameLevels(t, s, queued, orders, "")
}

func testReopenRecount(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 4)
	recount(t, s, entries[1], 3)
	recount(t, s, entries[2], 7)
	must(t, s, remove(entries[2].Message, entries[2].Seq), add(entries[2].Message))
	for range 2 {
		s, _ = f.reopen(t, s)
		require.Equal(t, []int32{0, 3, 0, 0}, counts(all(t, s, orders)), "a counter ends with its message")
	}
	got := all(t, s, orders)
	recount(t, s, got[1], 4)
	s, _ = f.reopen(t, s)
	require.Equal(t, []int32{0, 4, 0, 0}, counts(all(t, s, orders)))
}
