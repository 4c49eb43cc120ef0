package storetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// patience bounds every wait for a store.
const patience = 30 * time.Second

var (
	orders = message.NewQueue("ORDERS")
	news   = message.NewTopic("NEWS")
)

// open starts an empty store that is closed with the test.
func (f Factory) open(t *testing.T) store.Store {
	s := f.Open(t)
	require.NotNil(t, s.Recovered())
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reopen closes s and opens what it kept.
func (f Factory) reopen(t *testing.T, s store.Store) (store.Store, *store.State) {
	require.NoError(t, s.Close())
	return f.recover(t, s)
}

func (f Factory) recover(t *testing.T, s store.Store) (store.Store, *store.State) {
	s = f.Reopen(t, s)
	state := s.Recovered()
	require.NotNil(t, state)
	t.Cleanup(func() { _ = s.Close() })
	return s, state
}

func producer(n int) message.ProducerID {
	return message.ProducerID{Connection: "ID:storetest-40000-1600000000000-1:1", Session: 1, Value: int64(n)}
}

// text returns a message of producer p with a body of size bytes.
func text(dest message.Destination, p, sequence, size int) *message.Message {
	id := message.MessageID{
		Producer:         producer(p),
		ProducerSequence: int64(sequence),
		BrokerSequence:   int64(p)<<32 + int64(sequence),
	}
	return &message.Message{
		Body:        message.Bytes,
		Persistent:  true,
		Priority:    4,
		ID:          id,
		Producer:    id.Producer,
		Destination: dest,
		Timestamp:   1600000000000,
		Content:     bytes.Repeat([]byte{byte(sequence)}, size),
	}
}

func add(m *message.Message) store.Op {
	return store.Op{Action: store.Add, Destination: m.Destination, Message: m}
}

func remove(m *message.Message, seq store.Seq) store.Op {
	return store.Op{Action: store.Remove, Destination: m.Destination, ID: m.ID, Seq: seq}
}

func acknowledge(m *message.Message, seq store.Seq, subscription string) store.Op {
	return store.Op{Action: store.Acknowledge, Destination: m.Destination, ID: m.ID, Seq: seq, Subscription: subscription}
}

func subscribe(info *message.SubscriptionInfo, retroactive bool) store.Op {
	return store.Op{Action: store.AddSubscription, Destination: info.Destination, Info: info,
		Subscription: info.Key(), Retroactive: retroactive}
}

func unsubscribe(info *message.SubscriptionInfo) store.Op {
	return store.Op{Action: store.RemoveSubscription, Destination: info.Destination, Subscription: info.Key()}
}

func subscription(client string) *message.SubscriptionInfo {
	return &message.SubscriptionInfo{ClientID: client, Name: "durable", Destination: news, SubscribedDestination: news}
}

func localTransaction(n int) message.TransactionID {
	return message.TransactionID{Connection: "ID:storetest-40000-1600000000000-1:1", Value: int64(n)}
}

func xaTransaction(n int) message.TransactionID {
	return message.TransactionID{XA: true, XID: message.XID{
		FormatID: 61616, Global: fmt.Sprintf("global\x00\xff%d", n), Branch: fmt.Sprintf("branch%d", n)}}
}

// do appends a unit and waits for its Done.
func do(t require.TestingT, s store.Store, u *store.Unit) error {
	result := make(chan error, 2)
	u.Done = func(err error) { result <- err }
	s.Append(u)
	select {
	case err := <-result:
		return err
	case <-time.After(patience):
		require.FailNow(t, "Done was not called")
		return nil
	}
}

// must appends the operations as one synchronous unit and returns it.
func must(t require.TestingT, s store.Store, ops ...store.Op) *store.Unit {
	u := &store.Unit{Ops: ops, Sync: true}
	require.NoError(t, do(t, s, u))
	return u
}

// fill adds n messages with sequences from first on, and returns them with
// their positions.
func fill(t require.TestingT, s store.Store, dest message.Destination, p, first, n int) []store.Entry {
	entries := make([]store.Entry, n)
	for i := range entries {
		m := text(dest, p, first+i, 100)
		u := must(t, s, add(m))
		entries[i] = store.Entry{Message: m, Seq: u.Ops[0].Seq}
	}
	return entries
}

// all reads a whole destination in pages of 7.
func all(t require.TestingT, s store.Store, dest message.Destination) []store.Entry {
	return pages(t, func(dst []store.Entry, after store.Seq) ([]store.Entry, error) {
		return s.Page(dst, dest, after, 7, 1<<20)
	})
}

// unacknowledged reads all that a subscription has not acknowledged.
func unacknowledged(t require.TestingT, s store.Store, dest message.Destination, key string) []store.Entry {
	return pages(t, func(dst []store.Entry, after store.Seq) ([]store.Entry, error) {
		return s.PageSubscription(dst, dest, key, after, 7, 1<<20)
	})
}

func pages(t require.TestingT, read func([]store.Entry, store.Seq) ([]store.Entry, error)) []store.Entry {
	var entries []store.Entry
	for after := store.Seq(0); ; after = entries[len(entries)-1].Seq {
		n := len(entries)
		var err error
		entries, err = read(entries, after)
		require.NoError(t, err)
		for _, e := range entries[n:] {
			require.Greater(t, e.Seq, after, "Seq rises within and between pages")
			after = e.Seq
		}
		if len(entries) == n {
			return entries
		}
	}
}

// same requires got to be the wanted messages in order, Seq included.
func same(t require.TestingT, want, got []store.Entry) {
	require.Equal(t, len(want), len(got), "number of messages")
	for i := range want {
		require.Equal(t, want[i].Seq, got[i].Seq, "Seq of message %d", i)
	}
	sameMessages(t, want, got)
}

// sameMessages is same without Seq.
func sameMessages(t require.TestingT, want, got []store.Entry) {
	require.Equal(t, len(want), len(got), "number of messages")
	for i := range want {
		if diff := cmp.Diff(want[i].Message, got[i].Message, cmp.Comparer(sameBytes)); diff != "" {
			require.FailNow(t, "message differs", "message %d: %s", i, diff)
		}
	}
}

// sameBytes tells null from empty.
func sameBytes(a, b []byte) bool {
	return bytes.Equal(a, b) && (a == nil) == (b == nil)
}

func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
