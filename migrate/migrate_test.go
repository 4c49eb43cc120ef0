package migrate

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// cut ends a context when a number of units have been appended to a store.
type cut struct {
	store.Store
	left   int
	cancel context.CancelFunc
}

func (c *cut) Append(u *store.Unit) {
	if c.left--; c.left < 0 {
		c.cancel()
	}
	c.Store.Append(u)
}

// small pages and units give many moments to be killed at.
func options() Options {
	return Options{Source: "test", PageMessages: 5, PageBytes: 2 << 10, Log: quiet}
}

// TestCopyIsExact copies random contents, is killed at random moments, with
// what was not synced lost, finds the source changed in between, and in the end
// the target holds what the source does.
func TestCopyIsExact(t *testing.T) {
	testExact(t, func() (source, target medium) { return newDisk(), newDisk() })
}

func testExact(t *testing.T, media func() (source, target medium)) {
	rapid.Check(t, func(r *rapid.T) {
		source, target := media()
		defer source.leave()
		defer target.leave()
		from := source.open(r)
		w := &world{}
		for range rapid.IntRange(0, 25).Draw(r, "steps") {
			w.step(r, from.Store)
		}
		for {
			source.close(r) // as a new process finds it
			from = source.open(r)
			to := target.open(r)
			ctx, cancel := context.WithCancel(t.Context())
			left := 1 << 30
			if rapid.IntRange(0, 3).Draw(r, "killed") > 0 {
				left = rapid.IntRange(0, 40).Draw(r, "after")
			}
			err := Copy(ctx, from, Side{&cut{to.Store, left, cancel}, to.State}, options())
			cancel()
			if err == nil {
				break
			}
			require.ErrorIs(r, err, context.Canceled)
			target.crash(r)
			for range rapid.IntRange(0, 2).Draw(r, "changes") {
				w.step(r, from.Store)
			}
		}
		target.close(r)
		to := target.open(r)
		source.close(r)
		from = source.open(r)
		ledger, err := Verify(t.Context(), from, to, options())
		require.NoError(r, err)
		require.Equal(r, len(from.State.Prepared), ledger.Branches)
		require.NoError(r, Finish(t.Context(), to.Store))
		requireEqual(r, from, to)
		target.close(r)
		source.close(r)
	})
}

// requireEqual compares without the package's own means.
func requireEqual(t require.TestingT, from, to Side) {
	for _, name := range names {
		a, b := all(t, from.Store, message.NewQueue(name), ""), all(t, to.Store, message.NewQueue(name), "")
		require.Equal(t, len(a), len(b), name)
		for i := range a {
			require.Equal(t, a[i].Message, b[i].Message)
			require.Equal(t, a[i].Redeliveries, b[i].Redeliveries)
			require.False(t, a[i].Redelivered && !b[i].Redelivered, "a flag is lost")
		}
	}
	for _, client := range []string{"a", "b", "c"} {
		key := subscription(client).Key()
		a, b := all(t, from.Store, news, key), all(t, to.Store, news, key)
		require.Equal(t, len(a), len(b), key)
		for i := range a {
			require.Equal(t, a[i].Message, b[i].Message)
		}
	}
	for n := range int64(producers) {
		require.Equal(t, from.Store.LastSequence(producer(n)), to.Store.LastSequence(producer(n)), "a repetition would not be noticed")
	}
	rest, err := to.Store.Page(nil, Marker, 0, 1, 1<<20)
	require.NoError(t, err)
	require.Empty(t, rest, "the mark is still there")
	require.Equal(t, len(from.State.Prepared), len(to.State.Prepared))
}

func all(t require.TestingT, s store.Store, dest message.Destination, key string) []store.Entry {
	page, err := s.Page(nil, dest, 0, 1<<20, 1<<30)
	if key != "" {
		page, err = s.PageSubscription(nil, dest, key, 0, 1<<20, 1<<30)
	}
	require.NoError(t, err)
	return page
}

// TestVerifyFindsDifferences changes a complete copy in one way each.
func TestVerifyFindsDifferences(t *testing.T) {
	queue := message.NewQueue("A")
	key := subscription("a").Key()
	branch := message.TransactionID{XA: true, XID: message.XID{FormatID: 7, Global: "g", Branch: "b"}}
	for name, change := range map[string]func(t *testing.T, s store.Store){
		"message gone": func(t *testing.T, s store.Store) {
			e := all(t, s, queue, "")[3]
			do(t, s, store.Single(store.Op{Action: store.Remove, Destination: queue, ID: e.Message.ID, Seq: e.Seq}, true, nil))
		},
		"message more": func(t *testing.T, s store.Store) {
			m := *all(t, s, queue, "")[3].Message
			m.ID.ProducerSequence = 1 << 40
			do(t, s, store.Single(store.Op{Action: store.Add, Destination: queue, Message: &m}, true, nil))
		},
		"sequence": func(t *testing.T, s store.Store) {
			m := *all(t, s, queue, "")[3].Message
			m.ID.ProducerSequence = 1 << 40
			u := store.Single(store.Op{Action: store.Add, Destination: queue, Message: &m}, true, nil)
			do(t, s, u)
			do(t, s, store.Single(store.Op{Action: store.Remove, Destination: queue, ID: m.ID, Seq: u.Ops[0].Seq}, true, nil))
		},
		"counter": func(t *testing.T, s store.Store) {
			e := all(t, s, queue, "")[3]
			do(t, s, store.Single(recount(queue, e.Message.ID, e.Seq, 9), true, nil))
		},
		"header": func(t *testing.T, s store.Store) {
			e := all(t, s, queue, "")[3]
			m := *e.Message
			m.Type = "other"
			do(t, s, store.Single(store.Op{Action: store.Update, Destination: queue, ID: m.ID, Seq: e.Seq, Message: &m}, true, nil))
		},
		"acknowledged": func(t *testing.T, s store.Store) {
			e := all(t, s, news, key)[0]
			do(t, s, store.Single(store.Op{Action: store.Acknowledge, Destination: news, ID: e.Message.ID, Seq: e.Seq, Subscription: key}, true, nil))
		},
		"subscription gone": func(t *testing.T, s store.Store) {
			do(t, s, store.Single(store.Op{Action: store.RemoveSubscription, Destination: news, Subscription: key}, true, nil))
		},
		"branch gone": func(t *testing.T, s store.Store) {
			do(t, s, &store.Unit{Outcome: store.Rollback, Transaction: branch})
		},
	} {
		t.Run(name, func(t *testing.T) {
			source, target := newDisk(), newDisk()
			fill(t, source, branch)
			from, to := source.open(t), target.open(t)
			require.NoError(t, Copy(t.Context(), from, to, options()))
			target.close(t)
			to = target.open(t)
			change(t, to.Store)
			target.close(t)
			_, err := Verify(t.Context(), from, target.open(t), options())
			require.ErrorIs(t, err, ErrDiffers)
			target.close(t)
			source.close(t)
		})
	}
}

// TestVerifyComparesSequences: a target that does not know how far producers
// have come whose messages are consumed would take a repeated send for new.
func TestVerifyComparesSequences(t *testing.T) {
	queue := message.NewQueue("A")
	source, target := newDisk(), newDisk()
	from := source.open(t)
	for n := range int64(5) {
		m := &message.Message{Body: message.Text, Persistent: true, Destination: queue, ID: message.MessageID{Producer: producer(n), ProducerSequence: 7}}
		u := store.Single(store.Op{Action: store.Add, Destination: queue, Message: m}, true, nil)
		do(t, from.Store, u)
		do(t, from.Store, store.Single(store.Op{Action: store.Remove, Destination: queue, ID: m.ID, Seq: u.Ops[0].Seq}, true, nil))
	}
	forgetful := Side{Store: struct{ store.Store }{from.Store}, State: from.State}
	to := target.open(t)
	require.NoError(t, Copy(t.Context(), forgetful, to, options()))
	_, err := Verify(t.Context(), from, to, options())
	require.ErrorIs(t, err, ErrDiffers)
	require.NoError(t, Copy(t.Context(), from, to, options()))
	_, err = Verify(t.Context(), from, to, options())
	require.NoError(t, err)
	target.close(t)
	source.close(t)
}

// fill makes one of everything.
func fill(t *testing.T, d *disk, branch message.TransactionID) {
	s := d.open(t).Store
	info := subscription("a")
	do(t, s, store.Single(store.Op{Action: store.AddSubscription, Destination: news, Info: info, Subscription: info.Key()}, true, nil))
	producer := message.ProducerID{Connection: "ID:fill-1-1:1", Session: 1, Value: 1}
	for n := range int64(20) {
		dest := []message.Destination{message.NewQueue("A"), news}[n%2]
		m := &message.Message{Body: message.Text, Persistent: true, Destination: dest, Producer: producer,
			ID: message.MessageID{Producer: producer, ProducerSequence: n + 1}, Content: []byte{0, 0, 0, 1, 'x'}}
		u := &store.Unit{Ops: []store.Op{{Action: store.Add, Destination: dest, Message: m}}}
		if n == 19 {
			u.Outcome, u.Transaction = store.Prepare, branch
		}
		do(t, s, u)
	}
	d.close(t)
}

func TestCopyRefuses(t *testing.T) {
	branch := message.TransactionID{XA: true, XID: message.XID{FormatID: 7, Global: "g", Branch: "b"}}
	source, target := newDisk(), newDisk()
	fill(t, source, branch)
	fill(t, target, branch)
	from, to := source.open(t), target.open(t)
	require.ErrorIs(t, Copy(t.Context(), from, to, options()), ErrNotEmpty)
	target.close(t)

	target = newDisk()
	to = target.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, Copy(ctx, from, Side{&cut{to.Store, 3, cancel}, to.State}, options()), context.Canceled)
	target.close(t)
	to = target.open(t)
	other := options()
	other.Source = "another"
	require.ErrorIs(t, Copy(t.Context(), from, to, other), ErrOther)
	third := newDisk()
	require.ErrorIs(t, Copy(t.Context(), to, third.open(t), options()), ErrUnfinished)
	third.close(t)
	target.close(t)
	source.close(t)
}
