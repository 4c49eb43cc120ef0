package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// rich is a message with something in every field that is stored.
func rich(n int) *message.Message {
	m := text(orders, 1, n, 40)
	m.Body = message.Text
	m.Priority = 7
	m.GroupID, m.GroupSequence = "group", 3
	m.RedeliveryCounter = 2
	m.OriginalDestination = message.NewTopic("VirtualTopic.A")
	m.ReplyTo = message.Destination{Kind: message.TempQueue, Name: "ID:storetest-1:1"}
	m.TargetConsumer = message.ConsumerID{Connection: "ID:c", Session: 2, Value: 3}
	m.CorrelationID, m.Type, m.UserID = "ümlaut \U0001F600", "type", "user"
	m.Expiration = 4102444800000
	m.Arrival, m.BrokerInTime, m.BrokerOutTime = 1600000000001, 1600000000002, 1600000000003
	m.Properties = []byte{0, 0, 0, 1, 0, 1, 'k', 5, 0, 0, 0, 9}
	m.BrokerPath = []message.BrokerID{"ID:one", "ID:two"}
	m.Cluster = []message.BrokerID{"ID:three"}
	m.Compressed = true
	return m
}

func testReopenMessages(t *testing.T, f Factory) {
	s := f.open(t)
	var want []store.Entry
	for n := range 5 {
		m := rich(n)
		must(t, s, add(m))
		want = append(want, store.Entry{Message: m})
	}
	empty := text(orders, 2, 1, 0)
	empty.Content = nil
	blank := text(orders, 2, 2, 0)
	blank.Content = []byte{}
	blank.Blanks = message.BlankCorrelationID | message.BlankType | message.BlankGroupID | message.BlankUserID
	must(t, s, add(empty), add(blank))
	want = append(want, store.Entry{Message: empty}, store.Entry{Message: blank})
	for range 2 {
		s, _ = f.reopen(t, s)
		sameMessages(t, want, all(t, s, orders))
	}
	m := rich(9)
	must(t, s, add(m))
	sameMessages(t, append(want, store.Entry{Message: m}), all(t, s, orders))
}

func testReopenState(t *testing.T, f Factory) {
	s := f.open(t)
	other := message.NewQueue("OTHER")
	entries := fill(t, s, orders, 1, 1, 10)
	fill(t, s, other, 2, 1, 2)
	must(t, s, remove(entries[3].Message, entries[3].Seq), remove(entries[9].Message, entries[9].Seq))
	s, state := f.reopen(t, s)
	d := destinationState(t, state, orders)
	require.Equal(t, int64(8), d.Messages)
	require.Positive(t, d.Bytes)
	require.Equal(t, int64(2), destinationState(t, state, other).Messages)
	require.Equal(t, int64(2)<<32+2, state.LastBrokerSequence)
	require.Positive(t, s.Size())
	sameMessages(t, without(entries, 3, 9), all(t, s, orders))
}

func destinationState(t *testing.T, state *store.State, dest message.Destination) store.DestinationState {
	for _, d := range state.Destinations {
		if d.Destination == dest {
			return d
		}
	}
	require.FailNow(t, "destination is not recovered", "%s", dest)
	return store.DestinationState{}
}

func testReopenSubscriptions(t *testing.T, f Factory) {
	s := f.open(t)
	a, b, c := subscription("a"), subscription("b"), subscription("c")
	b.Selector, b.NoLocal = "colour = 'red'", true
	must(t, s, subscribe(a, false), subscribe(b, false))
	entries := fill(t, s, news, 1, 1, 10)
	for _, i := range []int{0, 1, 5} {
		must(t, s, acknowledge(entries[i].Message, entries[i].Seq, a.Key()))
	}
	must(t, s, acknowledge(entries[1].Message, entries[1].Seq, b.Key()))
	must(t, s, acknowledge(entries[2].Message, entries[2].Seq, b.Key()))
	must(t, s, subscribe(c, true))
	must(t, s, unsubscribe(c))
	for range 2 {
		var state *store.State
		s, state = f.reopen(t, s)
		d := destinationState(t, state, news)
		require.Equal(t, int64(9), d.Messages)
		require.Len(t, d.Subscriptions, 2)
		pending := map[message.SubscriptionInfo]int64{}
		for _, sub := range d.Subscriptions {
			pending[sub.Info] = sub.Pending
		}
		require.Equal(t, map[message.SubscriptionInfo]int64{*a: 7, *b: 8}, pending)
		sameMessages(t, without(entries, 0, 1, 5), unacknowledged(t, s, news, a.Key()))
		sameMessages(t, without(entries, 1, 2), unacknowledged(t, s, news, b.Key()))
		require.Empty(t, unacknowledged(t, s, news, c.Key()))
	}
	e := unacknowledged(t, s, news, b.Key())[0]
	must(t, s, acknowledge(e.Message, e.Seq, b.Key()))
	must(t, s, unsubscribe(a))
	s, _ = f.reopen(t, s)
	sameMessages(t, without(entries, 0, 1, 2), all(t, s, news))
}

func testReopenPrepared(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 4)
	a, b, c := xaTransaction(1), xaTransaction(2), xaTransaction(3)
	ma, mb := inTransaction(text(orders, 2, 1, 30), a), inTransaction(text(orders, 3, 1, 30), b)
	require.NoError(t, do(t, s, within(a, store.Prepare, add(ma), remove(entries[1].Message, entries[1].Seq))))
	require.NoError(t, do(t, s, within(b, store.Prepare, add(mb), remove(entries[2].Message, entries[2].Seq))))
	require.NoError(t, do(t, s, within(c, store.Prepare, add(inTransaction(text(orders, 4, 1, 30), c)))))
	require.NoError(t, do(t, s, within(c, store.Rollback)))

	s, state := f.reopen(t, s)
	sameMessages(t, entries, all(t, s, orders))
	require.Len(t, state.Prepared, 2)
	recovered := map[message.TransactionID][]store.Op{}
	for _, p := range state.Prepared {
		recovered[p.Transaction] = p.Ops
	}
	require.Len(t, recovered[a], 2)
	op := recovered[a][0]
	require.Equal(t, store.Add, op.Action)
	require.Equal(t, orders, op.Destination)
	require.Zero(t, op.Seq, "a prepared message has no place yet")
	sameMessages(t, []store.Entry{{Message: ma}}, []store.Entry{{Message: op.Message}})
	op = recovered[a][1]
	require.Equal(t, store.Remove, op.Action)
	require.Equal(t, entries[1].Message.ID.Key(), op.ID.Key())
	require.Equal(t, all(t, s, orders)[1].Seq, op.Seq)

	u := within(a, store.Commit)
	require.NoError(t, do(t, s, u))
	require.Len(t, u.Ops, 2)
	require.NotZero(t, u.Ops[0].Seq)
	require.NoError(t, do(t, s, within(b, store.Rollback)))
	want := append(without(entries, 1), store.Entry{Message: ma})
	sameMessages(t, want, all(t, s, orders))
	s, state = f.reopen(t, s)
	require.Empty(t, state.Prepared)
	sameMessages(t, want, all(t, s, orders))
}

func testReopenUpdates(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 4)
	for counter := range int32(3) {
		changed := entries[1].Message.Copy()
		changed.RedeliveryCounter = counter + 1
		must(t, s, store.Op{Action: store.Update, Destination: orders, Message: changed, ID: changed.ID, Seq: entries[1].Seq})
		entries[1].Message = changed
	}
	s, _ = f.reopen(t, s)
	got := all(t, s, orders)
	sameMessages(t, entries, got)
	must(t, s, remove(got[1].Message, got[1].Seq))
	s, _ = f.reopen(t, s)
	sameMessages(t, without(entries, 1), all(t, s, orders))
}

func testReopenDestinations(t *testing.T, f Factory) {
	s := f.open(t)
	fill(t, s, orders, 1, 1, 3)
	must(t, s, store.Op{Action: store.RemoveDestination, Destination: orders})
	same(t, nil, all(t, s, orders))
	s, state := f.reopen(t, s)
	for _, d := range state.Destinations {
		require.Zero(t, d.Messages)
	}
	require.Empty(t, all(t, s, orders))
	want := fill(t, s, orders, 1, 10, 2)
	s, _ = f.reopen(t, s)
	sameMessages(t, want, all(t, s, orders))
}

func testReopenSequences(t *testing.T, f Factory) {
	s := f.open(t)
	entries := fill(t, s, orders, 1, 1, 7)
	for _, e := range entries[3:] {
		must(t, s, remove(e.Message, e.Seq))
	}
	s, _ = f.reopen(t, s)
	require.Equal(t, int64(7), s.LastSequence(producer(1)))
	require.Equal(t, int64(-1), s.LastSequence(producer(2)))
	got := all(t, s, orders)
	must(t, s, add(entries[0].Message))
	same(t, got, all(t, s, orders))
}

// testAbandoned: what was done with Sync is there after a crash, in order.
func testAbandoned(t *testing.T, f Factory) {
	s := f.open(t)
	want := fill(t, s, orders, 1, 1, 20)
	must(t, s, remove(want[4].Message, want[4].Seq))
	f.Abandon(t, s)
	s, _ = f.recover(t, s)
	sameMessages(t, without(want, 4), all(t, s, orders))
}
