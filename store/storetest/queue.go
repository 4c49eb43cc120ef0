package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

func testPage(t *testing.T, f Factory) {
	s := f.open(t)
	want := fill(t, s, orders, 1, 1, 20)
	fill(t, s, message.NewQueue("OTHER"), 2, 1, 3)
	size := want[0].Message.Size()
	for _, c := range []struct {
		name     string
		after    store.Seq
		limit    int
		maxBytes int64
		want     []store.Entry
	}{
		{"all", 0, 100, 1 << 30, want},
		{"limit", 0, 5, 1 << 30, want[:5]},
		{"after", want[4].Seq, 5, 1 << 30, want[5:10]},
		{"after the last", want[19].Seq, 5, 1 << 30, nil},
		{"bytes", 0, 100, 3*size + size/2, want[:3]},
		{"at least one", 0, 100, 1, want[:1]},
		{"end", want[16].Seq, 100, 1 << 30, want[17:]},
		{"no limit", 0, 0, 1 << 30, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			page, err := s.Page(nil, orders, c.after, c.limit, c.maxBytes)
			require.NoError(t, err)
			same(t, c.want, page)
		})
	}
	page, err := s.Page(want[:2:2], orders, want[9].Seq, 1, 1<<30)
	require.NoError(t, err)
	same(t, []store.Entry{want[0], want[1], want[10]}, page)
	page, err = s.Page(nil, message.NewQueue("NONE"), 0, 10, 1<<30)
	require.NoError(t, err)
	require.Empty(t, page)
	page, err = s.Page(nil, message.NewTopic("ORDERS"), 0, 10, 1<<30)
	require.NoError(t, err)
	require.Empty(t, page, "a topic of the same name is another destination")
}

func testLargeMessage(t *testing.T, f Factory) {
	s := f.open(t)
	large, small := text(orders, 1, 1, 5<<20), text(orders, 1, 2, 10)
	a, b := must(t, s, add(large)), must(t, s, add(small))
	page, err := s.Page(nil, orders, 0, 10, 1<<30)
	require.NoError(t, err)
	same(t, []store.Entry{{Message: large, Seq: a.Ops[0].Seq}, {Message: small, Seq: b.Ops[0].Seq}}, page)
}

func testRemove(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 30)
	var left []store.Entry
	for i, e := range entries {
		if i%3 == 1 {
			left = append(left, e)
			continue
		}
		must(t, s, remove(e.Message, e.Seq))
	}
	same(t, left, all(t, s, orders))
	must(t, s, remove(entries[0].Message, entries[0].Seq))
	never := text(orders, 9, 1, 1)
	must(t, s, remove(never, left[len(left)-1].Seq+1000))
	must(t, s, remove(text(message.NewQueue("NONE"), 9, 1, 1), 1))
	same(t, left, all(t, s, orders))
	var ops []store.Op
	for _, e := range left {
		ops = append(ops, remove(e.Message, e.Seq))
	}
	must(t, s, ops...)
	require.Empty(t, all(t, s, orders))
	same(t, fill(t, s, orders, 1, 100, 2), all(t, s, orders))
}

func testUpdate(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 5)
	for range 2 {
		changed := entries[2].Message.Copy()
		changed.RedeliveryCounter++
		must(t, s, store.Op{Action: store.Update, Destination: orders, Message: changed, ID: changed.ID, Seq: entries[2].Seq})
		entries[2].Message = changed
		same(t, entries, all(t, s, orders))
	}
	must(t, s, remove(entries[2].Message, entries[2].Seq))
	same(t, append(entries[:2:2], entries[3:]...), all(t, s, orders))
}

// testDuplicates: a second Add of a message in the same destination is
// ignored, until the first is gone.
func testDuplicates(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 3)
	must(t, s, add(entries[1].Message))
	same(t, entries, all(t, s, orders))
	other := entries[1].Message.Copy()
	other.Destination = message.NewQueue("OTHER")
	u := must(t, s, add(other))
	same(t, []store.Entry{{Message: other, Seq: u.Ops[0].Seq}}, all(t, s, other.Destination))
	must(t, s, remove(entries[1].Message, entries[1].Seq))
	u = must(t, s, add(entries[1].Message))
	same(t, []store.Entry{entries[0], entries[2], {Message: entries[1].Message, Seq: u.Ops[0].Seq}}, all(t, s, orders))
}

// testReplaced: a message leaves and comes again in one unit, with its id.
func testReplaced(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 3)
	where := func(e *store.Entry) {
		t.Helper()
		seq, ok := s.Find(orders, e.Message.ID)
		require.True(t, ok)
		require.Equal(t, e.Seq, seq)
	}
	where(&entries[1])
	_, ok := s.Find(news, entries[1].Message.ID)
	require.False(t, ok)
	anew := entries[1].Message.Copy()
	anew.BrokerPath = []message.BrokerID{"ID:a", "ID:b"}
	u := must(t, s, remove(entries[1].Message, entries[1].Seq), add(anew))
	left := []store.Entry{entries[0], entries[2], {Message: anew, Seq: u.Ops[1].Seq}}
	same(t, left, all(t, s, orders))
	where(&left[2])
	must(t, s, remove(anew, left[2].Seq))
	_, ok = s.Find(orders, anew.ID)
	require.False(t, ok)
}

func testLastSequence(t *testing.T, f Factory) {
	s := f.open(t)
	require.Equal(t, int64(-1), s.LastSequence(producer(1)))
	entries := fill(t, s, orders, 1, 5, 3)
	fill(t, s, news, 2, 9, 1)
	require.Equal(t, int64(7), s.LastSequence(producer(1)))
	require.Equal(t, int64(9), s.LastSequence(producer(2)), "a topic message that nobody keeps counts")
	for _, e := range entries {
		must(t, s, remove(e.Message, e.Seq))
	}
	require.Equal(t, int64(7), s.LastSequence(producer(1)), "it outlives the messages")
	require.Equal(t, int64(-1), s.LastSequence(producer(3)))
}

func testRemoveDestination(t *testing.T, f Factory) {
	s := f.open(t)
	other := message.NewQueue("OTHER")
	gone := fill(t, s, orders, 1, 1, 10)
	kept := fill(t, s, other, 2, 1, 2)
	must(t, s, store.Op{Action: store.RemoveDestination, Destination: orders})
	require.Empty(t, all(t, s, orders))
	same(t, kept, all(t, s, other))
	must(t, s, store.Op{Action: store.RemoveDestination, Destination: message.NewQueue("NONE")})
	must(t, s, remove(gone[0].Message, gone[0].Seq))
	same(t, fill(t, s, orders, 1, 1, 2), all(t, s, orders))
}
