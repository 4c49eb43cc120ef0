package inspect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

func TestMeasure(t *testing.T) {
	disk := filled(t)
	s, err := Measure(disk, testDirectory)
	require.NoError(t, err)
	require.Equal(t, 134+20, s.Messages)
	require.Len(t, s.Destinations, 2)
	queue, topic := s.Destinations[0], s.Destinations[1]
	require.Equal(t, "queue://ORDERS", queue.Destination)
	require.Equal(t, 134, queue.Messages)
	require.Equal(t, "ID:test-1-1:1:1:1", queue.Oldest.ID)
	require.Equal(t, int64(1_700_000_000_001), queue.Oldest.Timestamp.UnixMilli())
	require.Equal(t, 20, topic.Messages)
	require.Len(t, topic.Subscriptions, 1)
	require.Equal(t, 20, topic.Subscriptions[0].Pending)
	require.NotEmpty(t, topic.Subscriptions[0].LastFile)
	require.Equal(t, queue.Bytes+topic.Bytes, s.LiveBytes)
	in := 0
	for i, f := range s.Files {
		in += f.Messages
		require.Equal(t, i == len(s.Files)-1, f.Newest)
	}
	require.Equal(t, s.Messages, in)
	first := s.Files[0]
	require.Equal(t, "destination", first.Pins[0].Kind)
	require.Equal(t, "queue://ORDERS", first.Pins[0].Name)
	require.LessOrEqual(t, first.LiveBytes, first.Batches)
}

// TestWhoKeepsAFile names the one message, the subscription, the transaction and
// the removals that keep files.
func TestWhoKeepsAFile(t *testing.T) {
	disk := vfs.NewMemory()
	j := open(t, disk, testDirectory)
	info := reader
	await(t, j, store.Op{Action: store.AddSubscription, Destination: news, Info: &info})
	branch := message.TransactionID{XA: true, XID: message.XID{FormatID: 1, Global: "g", Branch: "b"}}
	done := make(chan error, 1)
	j.Append(&store.Unit{Transaction: branch, Outcome: store.Prepare, Ops: []store.Op{add(message.NewQueue("XA"), 1)}, Sync: true, Done: func(err error) { done <- err }})
	require.NoError(t, <-done)
	for i := int64(1); i <= 200; i++ {
		await(t, j, add(orders, i))
		if i > 1 && i != 50 {
			await(t, j, remove(orders, i))
		}
	}
	await(t, j, remove(orders, 1))
	require.NoError(t, j.Close())
	s, err := Measure(disk, testDirectory)
	require.NoError(t, err)
	require.Len(t, s.Prepared, 1)
	require.Equal(t, []string{"db-1.log"}, s.Prepared[0].Files)
	kinds := map[string]string{}
	for _, f := range s.Files {
		for _, p := range f.Pins {
			kinds[p.Kind] = p.Name
		}
	}
	require.Equal(t, "queue://ORDERS", kinds["destination"])
	require.Equal(t, "c:s of topic://NEWS", kinds["subscription"])
	require.Equal(t, branch.String(), kinds["transaction"])
	require.NotEmpty(t, kinds["ends"])
}
