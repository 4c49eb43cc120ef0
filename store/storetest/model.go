package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// model is what a store should hold, in the plainest form.
type model struct {
	queues        map[message.Destination][]store.Entry
	subscriptions map[string]*modelSubscription
	prepared      map[message.TransactionID][]store.Op
	sequence      int
}

type modelSubscription struct {
	info    *message.SubscriptionInfo
	pending []store.Entry
}

func newModel() *model {
	return &model{
		queues:        map[message.Destination][]store.Entry{},
		subscriptions: map[string]*modelSubscription{},
		prepared:      map[message.TransactionID][]store.Op{},
	}
}

// testModel drives a store and a model with random operations.
func testModel(t *testing.T, f Factory) {
	rapid.Check(t, func(r *rapid.T) {
		s := f.Open(t)
		s.Recovered()
		defer func() { _ = s.Close() }()
		m := newModel()
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			if f.Reopen != nil && rapid.IntRange(0, 12).Draw(r, "reopen") == 0 {
				require.NoError(r, s.Close())
				s = f.Reopen(t, s)
				s.Recovered()
				m.renumber(r, s)
			} else {
				m.step(r, s)
			}
			m.compare(r, s)
		}
	})
}

func (m *model) step(r *rapid.T, s store.Store) {
	switch rapid.IntRange(0, 7).Draw(r, "step") {
	case 0, 1:
		m.run(r, s, store.None, message.TransactionID{}, m.ops(r))
	case 2:
		m.run(r, s, store.Commit, localTransaction(m.sequence), m.ops(r))
	case 3:
		id := xaTransaction(rapid.IntRange(1, 3).Draw(r, "branch"))
		if _, ok := m.prepared[id]; !ok {
			m.run(r, s, store.Prepare, id, m.ops(r))
		}
	case 4:
		id := xaTransaction(rapid.IntRange(1, 3).Draw(r, "branch"))
		m.end(r, s, id, rapid.SampledFrom([]store.Outcome{store.Commit, store.Rollback}).Draw(r, "outcome"))
	case 5:
		info := subscription(rapid.StringMatching("[abc]").Draw(r, "client"))
		must(r, s, subscribe(info, false))
		if m.subscriptions[info.Key()] == nil {
			m.subscriptions[info.Key()] = &modelSubscription{info: info}
		}
	case 6:
		info := subscription(rapid.StringMatching("[abc]").Draw(r, "client"))
		must(r, s, unsubscribe(info))
		delete(m.subscriptions, info.Key())
	case 7:
		q := m.queue(r)
		must(r, s, store.Op{Action: store.RemoveDestination, Destination: q})
		delete(m.queues, q)
	}
}

func (m *model) queue(r *rapid.T) message.Destination {
	return message.NewQueue(fmt.Sprintf("Q%d", rapid.IntRange(0, 2).Draw(r, "queue")))
}

// ops draws up to six adds, removals and acknowledgements.
func (m *model) ops(r *rapid.T) []store.Op {
	var ops []store.Op
	for range rapid.IntRange(1, 6).Draw(r, "ops") {
		switch rapid.IntRange(0, 4).Draw(r, "op") {
		case 0, 1:
			m.sequence++
			ops = append(ops, add(text(m.queue(r), 1, m.sequence, rapid.IntRange(0, 300).Draw(r, "size"))))
		case 2:
			m.sequence++
			ops = append(ops, add(text(news, 2, m.sequence, 20)))
		case 3:
			if q := m.queues[m.queue(r)]; len(q) > 0 {
				e := rapid.SampledFrom(q).Draw(r, "removed")
				ops = append(ops, remove(e.Message, e.Seq))
			}
		case 4:
			sub := m.subscriptions[subscription(rapid.StringMatching("[abc]").Draw(r, "client")).Key()]
			if sub != nil && len(sub.pending) > 0 {
				e := rapid.SampledFrom(sub.pending).Draw(r, "acknowledged")
				ops = append(ops, acknowledge(e.Message, e.Seq, sub.info.Key()))
			}
		}
	}
	return ops
}

func (m *model) run(r *rapid.T, s store.Store, outcome store.Outcome, id message.TransactionID, ops []store.Op) {
	if len(ops) == 0 {
		return
	}
	u := within(id, outcome, ops...)
	require.NoError(r, do(r, s, u))
	if outcome == store.Prepare {
		m.prepared[id] = ops
		return
	}
	m.apply(u.Ops)
}

func (m *model) end(r *rapid.T, s store.Store, id message.TransactionID, outcome store.Outcome) {
	u := within(id, outcome)
	ops, ok := m.prepared[id]
	if !ok {
		require.ErrorIs(r, do(r, s, u), store.ErrUnknownTransaction)
		return
	}
	require.NoError(r, do(r, s, u))
	delete(m.prepared, id)
	if outcome == store.Commit {
		require.Len(r, u.Ops, len(ops))
		m.apply(u.Ops)
	}
}

func (m *model) apply(ops []store.Op) {
	for _, op := range ops {
		switch op.Action {
		case store.Add:
			e := store.Entry{Message: op.Message, Seq: op.Seq}
			if op.Destination.Kind.IsQueue() {
				m.queues[op.Destination] = append(m.queues[op.Destination], e)
				continue
			}
			for _, sub := range m.subscriptions {
				sub.pending = append(sub.pending, e)
			}
		case store.Remove:
			m.queues[op.Destination] = withoutMessage(m.queues[op.Destination], op.ID.Key())
		case store.Acknowledge:
			if sub := m.subscriptions[op.Subscription]; sub != nil {
				sub.pending = withoutMessage(sub.pending, op.ID.Key())
			}
		}
	}
}

func withoutMessage(entries []store.Entry, key message.MessageKey) []store.Entry {
	var rest []store.Entry
	for _, e := range entries {
		if e.Message.ID.Key() != key {
			rest = append(rest, e)
		}
	}
	return rest
}

// compare requires the store to hold what the model holds.
func (m *model) compare(r *rapid.T, s store.Store) {
	for i := range 3 {
		q := message.NewQueue(fmt.Sprintf("Q%d", i))
		same(r, m.queues[q], all(r, s, q))
	}
	for _, client := range []string{"a", "b", "c"} {
		key := subscription(client).Key()
		var want []store.Entry
		if sub := m.subscriptions[key]; sub != nil {
			want = sub.pending
		}
		same(r, want, unacknowledged(r, s, news, key))
	}
}

// renumber takes over the positions that a reopened store gives.
func (m *model) renumber(r *rapid.T, s store.Store) {
	for q, entries := range m.queues {
		got := all(r, s, q)
		sameMessages(r, entries, got)
		for i := range got {
			entries[i].Seq = got[i].Seq
		}
	}
	for key, sub := range m.subscriptions {
		got := unacknowledged(r, s, news, key)
		sameMessages(r, sub.pending, got)
		for i := range got {
			sub.pending[i].Seq = got[i].Seq
		}
	}
}
