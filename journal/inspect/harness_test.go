package inspect

import (
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

const testDirectory = "/j"

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func open(t require.TestingT, disk vfs.FS, dir string) *journal.Journal {
	j, err := journal.Open(journal.Options{Directory: dir, FS: disk, Log: quiet, MaxFileLength: 16 << 10,
		MaxWriteBatchSize: 8 << 10, CleanupInterval: -1})
	require.NoError(t, err)
	return j
}

func messageOf(d message.Destination, sequence int64) *message.Message {
	producer := message.ProducerID{Connection: "ID:test-1-1", Session: 1, Value: 1}
	properties, _ := message.AppendProperties(nil, message.Properties{{Name: "n", Value: sequence}})
	return &message.Message{Body: message.Bytes, Persistent: true, Priority: 4, Destination: d, Producer: producer, Timestamp: 1_700_000_000_000 + sequence,
		ID: message.MessageID{Producer: producer, ProducerSequence: sequence, BrokerSequence: sequence}, Properties: properties,
		Content: []byte(fmt.Sprintf("content of message %d, which is not to be lost", sequence))}
}

func await(t require.TestingT, j *journal.Journal, ops ...store.Op) {
	done := make(chan error, 1)
	j.Append(&store.Unit{Ops: ops, Sync: true, Done: func(err error) { done <- err }})
	require.NoError(t, <-done)
}

func add(d message.Destination, sequence int64) store.Op {
	return store.Op{Action: store.Add, Destination: d, Message: messageOf(d, sequence)}
}

func remove(d message.Destination, sequence int64) store.Op {
	return store.Op{Action: store.Remove, Destination: d, ID: messageOf(d, sequence).ID}
}

var (
	orders = message.NewQueue("ORDERS")
	news   = message.NewTopic("NEWS")
	reader = message.SubscriptionInfo{ClientID: "c", Name: "s", Destination: news, SubscribedDestination: news}
)

// fill writes a journal of several files: orders of which every third is taken,
// and news for one subscription.
func fill(t require.TestingT, disk vfs.FS, dir string, n int64) {
	j := open(t, disk, dir)
	info := reader
	await(t, j, store.Op{Action: store.AddSubscription, Destination: news, Info: &info})
	for i := int64(1); i <= n; i++ {
		await(t, j, add(orders, i))
		if i%3 == 0 {
			await(t, j, remove(orders, i))
		}
		if i%5 == 0 {
			await(t, j, add(news, 10_000+i))
		}
		if i%10 == 0 {
			await(t, j, store.Op{Action: store.Acknowledge, Destination: news, ID: messageOf(news, 10_000+i).ID, Subscription: info.Key()})
		}
	}
	require.NoError(t, j.Close())
}

// holdings lists all that a directory holds, in order.
func holdings(t require.TestingT, disk vfs.FS, dir string) (list []string) {
	c, err := journal.Load(disk, dir)
	require.NoError(t, err)
	defer c.Close()
	for _, h := range c.Destinations() {
		list = append(list, each(t, c, h.Destination, "")...)
		for _, s := range h.Subscriptions {
			list = append(list, s.Info.Key())
			list = append(list, each(t, c, h.Destination, s.Info.Key())...)
		}
	}
	return list
}

func each(t require.TestingT, c *journal.Contents, d message.Destination, key string) (list []string) {
	c.Each(d, key, func(p journal.Place) bool {
		m, err := c.Message(p)
		if err != nil {
			list = append(list, fmt.Sprintf("%s unreadable", d))
			return true
		}
		list = append(list, fmt.Sprintf("%s %s %s %x", d, m.ID.String(), m.Content, m.Properties))
		return true
	})
	return list
}

func contentOf(t require.TestingT, disk vfs.FS, name string) []byte {
	f, err := disk.Open(name)
	require.NoError(t, err)
	defer f.Close()
	size, err := f.Size()
	require.NoError(t, err)
	b := make([]byte, size)
	if size > 0 {
		_, err = f.ReadAt(b, 0)
		require.NoError(t, err)
	}
	return b
}

func overwrite(t require.TestingT, disk vfs.FS, name string, b []byte) {
	f, err := disk.Create(name)
	require.NoError(t, err)
	_, err = f.WriteAt(b, 0)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

// wrong are the findings that say that something is wrong; a directory in
// memory has no lock.
func wrong(v *Verdict) (list []Finding) {
	for _, f := range v.Findings {
		if f.Severity != Note && f.File != "conclave.epoch" {
			list = append(list, f)
		}
	}
	return list
}

func verify(t require.TestingT, disk vfs.FS) *Verdict {
	v, err := Verify(disk, testDirectory)
	require.NoError(t, err)
	return v
}

func filled(t testing.TB) *vfs.Memory {
	disk := vfs.NewMemory()
	fill(t, disk, testDirectory, 200)
	return disk
}
