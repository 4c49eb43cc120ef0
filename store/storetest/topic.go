package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/store"
)

func testTopicWithoutSubscription(t *testing.T, f Factory) {
	s := f.open(t)
	fill(t, s, news, 1, 1, 3)
	require.Empty(t, all(t, s, news))
	require.Empty(t, unacknowledged(t, s, news, "nobody:durable"))
}

// testSubscriptions: each subscription has its own place; a message stays
// until the last has acknowledged it.
func testSubscriptions(t *testing.T, f Factory) {
	s := f.open(t)
	a, b := subscription("a"), subscription("b")
	must(t, s, subscribe(a, false))
	first := fill(t, s, news, 1, 1, 10)
	must(t, s, subscribe(b, false))
	second := fill(t, s, news, 1, 11, 10)
	entries := append(first[:10:10], second...)
	same(t, entries, unacknowledged(t, s, news, a.Key()))
	same(t, second, unacknowledged(t, s, news, b.Key()))

	for _, i := range []int{0, 1, 2, 5, 12, 14, 15} {
		op := acknowledge(entries[i].Message, entries[i].Seq, a.Key())
		op.Unmatched = i == 5
		must(t, s, op)
	}
	for _, i := range []int{12, 11, 19} {
		must(t, s, acknowledge(entries[i].Message, entries[i].Seq, b.Key()))
	}
	must(t, s, acknowledge(entries[12].Message, entries[12].Seq, b.Key()))
	must(t, s, acknowledge(entries[3].Message, entries[3].Seq, "nobody:durable"))
	same(t, without(entries, 0, 1, 2, 5, 12, 14, 15), unacknowledged(t, s, news, a.Key()))
	same(t, without(entries, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 19), unacknowledged(t, s, news, b.Key()))
	same(t, without(entries, 0, 1, 2, 5, 12), all(t, s, news))

	page, err := s.PageSubscription(nil, news, a.Key(), entries[4].Seq, 2, 1<<30)
	require.NoError(t, err)
	same(t, []store.Entry{entries[6], entries[7]}, page)
	page, err = s.PageSubscription(nil, news, a.Key(), 0, 10, 1)
	require.NoError(t, err)
	same(t, entries[3:4], page)

	changed := *a
	changed.Selector = "colour = 'red'"
	must(t, s, subscribe(&changed, false))
	same(t, without(entries, 0, 1, 2, 5, 12, 14, 15), unacknowledged(t, s, news, a.Key()))
}

// without leaves out the entries at the given places.
func without(entries []store.Entry, places ...int) []store.Entry {
	var rest []store.Entry
next:
	for i, e := range entries {
		for _, p := range places {
			if p == i {
				continue next
			}
		}
		rest = append(rest, e)
	}
	return rest
}

func testRetroactive(t *testing.T, f Factory) {
	s := f.open(t)
	a, b := subscription("a"), subscription("b")
	must(t, s, subscribe(a, true))
	entries := fill(t, s, news, 1, 1, 6)
	must(t, s, acknowledge(entries[0].Message, entries[0].Seq, a.Key()))
	must(t, s, acknowledge(entries[3].Message, entries[3].Seq, a.Key()))
	must(t, s, subscribe(b, true))
	left := without(entries, 0, 3)
	same(t, left, unacknowledged(t, s, news, b.Key()))
	for _, e := range left {
		must(t, s, acknowledge(e.Message, e.Seq, a.Key()))
	}
	require.Empty(t, unacknowledged(t, s, news, a.Key()))
	same(t, left, unacknowledged(t, s, news, b.Key()))
	must(t, s, acknowledge(left[0].Message, left[0].Seq, b.Key()))
	same(t, left[1:], all(t, s, news))
}

func testRemoveSubscription(t *testing.T, f Factory) {
	s := f.open(t)
	a, b := subscription("a"), subscription("b")
	must(t, s, subscribe(a, false), subscribe(b, false))
	entries := fill(t, s, news, 1, 1, 6)
	must(t, s, acknowledge(entries[1].Message, entries[1].Seq, b.Key()))
	must(t, s, unsubscribe(a))
	require.Empty(t, unacknowledged(t, s, news, a.Key()))
	left := without(entries, 1)
	same(t, left, unacknowledged(t, s, news, b.Key()))
	same(t, left, all(t, s, news))
	must(t, s, subscribe(a, false))
	require.Empty(t, unacknowledged(t, s, news, a.Key()), "a new subscription starts at the end")
	must(t, s, unsubscribe(a))
	must(t, s, unsubscribe(b))
	require.Empty(t, all(t, s, news))
	must(t, s, unsubscribe(b))
	fill(t, s, news, 1, 7, 2)
	require.Empty(t, all(t, s, news))
}
