package migrate

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// medium is what a store is kept on.
type medium interface {
	open(t require.TestingT) Side
	close(t require.TestingT)
	// crash closes too, and loses what was not synced.
	crash(t require.TestingT)
	leave() // is for a test that has failed
}

// disk is a journal on a disk in memory.
type disk struct {
	fs *vfs.Memory
	j  *journal.Journal
}

func newDisk() *disk { return &disk{fs: vfs.NewMemory()} }

func (d *disk) open(t require.TestingT) Side {
	j, err := journal.Open(journal.Options{Directory: "/kahadb", FS: d.fs, Log: quiet, MaxFileLength: 64 << 10,
		MaxWriteBatchSize: 16 << 10, CleanupInterval: -1})
	require.NoError(t, err)
	d.j = j
	return Side{Store: j, State: j.Recovered()}
}

func (d *disk) close(t require.TestingT) { require.NoError(t, d.j.Close()) }

func (d *disk) leave() {
	if d.j != nil {
		_ = d.j.Close()
	}
}

func (d *disk) crash(t require.TestingT) {
	fs := d.fs.Crash(nil)
	_ = d.j.Close()
	d.fs = fs
}

// do appends a unit and waits for it.
func do(t require.TestingT, s store.Store, u *store.Unit) {
	done := make(chan error, 1)
	u.Sync, u.Done = true, func(err error) { done <- err }
	s.Append(u)
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		require.FailNow(t, "Done was not called")
	}
}

var (
	news  = message.NewTopic("NEWS")
	names = []string{"A", "B", "ActiveMQ.Scheduler.Jobs"}
)

// world makes random contents, as a broker would.
type world struct {
	sequence int64
	branches int
}

func (w *world) message(r *rapid.T, dest message.Destination) *message.Message {
	w.sequence++
	producer := producer(w.sequence)
	return &message.Message{
		Body: message.Bytes, Persistent: true, Priority: uint8(w.sequence % 10), Destination: dest, Producer: producer,
		ID:        message.MessageID{Producer: producer, ProducerSequence: w.sequence, BrokerSequence: w.sequence},
		Timestamp: 1600000000000, Expiration: int64(w.sequence%2) * 4000000000000,
		Content: bytes.Repeat([]byte{byte(w.sequence)}, rapid.IntRange(0, 400).Draw(r, "size")),
	}
}

// producer is who sends a message: one of producers.
func producer(sequence int64) message.ProducerID {
	return message.ProducerID{Connection: "ID:world-1-1:1", Session: 1, Value: sequence % producers}
}

const producers = 3

// subscription is nobody's choice: a has a selector, b reads a pattern.
func subscription(client string) *message.SubscriptionInfo {
	info := &message.SubscriptionInfo{ClientID: client, Name: "durable", Destination: news, SubscribedDestination: news}
	switch client {
	case "a":
		info.Selector = "n > 2"
	case "b":
		info.SubscribedDestination = message.NewTopic("NEWS.>")
	}
	return info
}

func (w *world) dest(r *rapid.T) message.Destination {
	if n := rapid.IntRange(0, 4).Draw(r, "destination"); n < len(names) {
		return message.NewQueue(names[n])
	}
	return news
}

// step changes a store in one way.
func (w *world) step(r *rapid.T, s store.Store) {
	switch rapid.IntRange(0, 9).Draw(r, "step") {
	case 0, 1, 2, 3:
		do(r, s, &store.Unit{Ops: w.ops(r, s)})
	case 4:
		client := rapid.StringMatching("[abc]").Draw(r, "client")
		info := subscription(client)
		do(r, s, store.Single(store.Op{Action: store.AddSubscription, Destination: news, Info: info, Subscription: info.Key()}, true, nil))
	case 5:
		w.branches++
		id := message.TransactionID{XA: true, XID: message.XID{FormatID: 7, Global: fmt.Sprint("g", w.branches), Branch: "b"}}
		do(r, s, &store.Unit{Outcome: store.Prepare, Transaction: id, Ops: w.ops(r, s)})
	case 6:
		if e, ok := w.pick(r, s, message.NewQueue("A"), ""); ok {
			do(r, s, store.Single(recount(message.NewQueue("A"), e.Message.ID, e.Seq, int32(rapid.IntRange(1, 5).Draw(r, "count"))), true, nil))
		}
	case 7:
		if e, ok := w.pick(r, s, message.NewQueue("B"), ""); ok {
			do(r, s, store.Single(store.Op{Action: store.Expose, Destination: message.NewQueue("B"), Segment: e.Segment}, true, nil))
		}
	case 8, 9:
		dest := w.dest(r)
		if e, ok := w.pick(r, s, dest, "a:durable"); ok {
			op := store.Op{Action: store.Remove, Destination: dest, ID: e.Message.ID, Seq: e.Seq}
			if dest == news {
				op.Action, op.Subscription = store.Acknowledge, subscription("a").Key()
			}
			do(r, s, store.Single(op, true, nil))
		}
	}
}

// ops are some sends, and what may be taken with them.
func (w *world) ops(r *rapid.T, s store.Store) []store.Op {
	var ops []store.Op
	for range rapid.IntRange(1, 30).Draw(r, "sends") {
		dest := w.dest(r)
		ops = append(ops, store.Op{Action: store.Add, Destination: dest, Message: w.message(r, dest)})
	}
	if e, ok := w.pick(r, s, message.NewQueue("A"), ""); ok {
		ops = append(ops, store.Op{Action: store.Remove, Destination: message.NewQueue("A"), ID: e.Message.ID, Seq: e.Seq})
	}
	key := subscription("c").Key()
	if e, ok := w.pick(r, s, news, key); ok {
		ops = append(ops, store.Op{Action: store.Acknowledge, Destination: news, ID: e.Message.ID, Seq: e.Seq, Subscription: key})
	}
	return ops
}

// pick draws a message of a queue, or of a subscription.
func (w *world) pick(r *rapid.T, s store.Store, dest message.Destination, key string) (store.Entry, bool) {
	page, err := s.Page(nil, dest, 0, 50, 1<<20)
	if dest == news {
		page, err = s.PageSubscription(nil, dest, key, 0, 50, 1<<20)
	}
	require.NoError(r, err)
	if len(page) == 0 {
		return store.Entry{}, false
	}
	return rapid.SampledFrom(page).Draw(r, "message"), true
}
