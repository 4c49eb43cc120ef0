package journal

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// fillFiles adds messages until n files are full, and returns them.
func fillFiles(t *testing.T, j *Journal, n int) (ops []store.Op) {
	first := j.writer.current.number
	for i := int64(1); j.writer.current.number < first+uint32(n); i++ {
		u := store.Single(addition(i), true, nil)
		require.NoError(t, await(j, u))
		ops = append(ops, u.Ops[0])
	}
	return ops
}

func smallFiles(disk vfs.FS) Options {
	o := testOptions(disk, "/j")
	o.MaxFileLength = minFileLength
	return o
}

// TestCollect: files go when their messages have gone, and none that holds
// the end of a message whose record stays.
func TestCollect(t *testing.T) {
	o := smallFiles(vfs.NewMemory())
	j := mustOpen(t, o)
	ops := fillFiles(t, j, 5)
	kept := ops[2]
	for _, op := range ops {
		if op.Seq != kept.Seq {
			require.NoError(t, await(j, store.Single(taking(op), true, nil)))
		}
	}
	require.NoError(t, j.Collect())
	numbers := j.segments.numbers()
	require.Contains(t, numbers, uint32(1), "it holds a message")
	require.NotContains(t, numbers, uint32(2), "all its messages have gone")
	require.NotContains(t, numbers, uint32(4))
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Equal(t, []int64{kept.Message.ID.ProducerSequence}, sequences(t, j, testQueue), "nothing came back")
	page, err := j.Page(nil, testQueue, 0, 1, 1)
	require.NoError(t, err)
	require.NoError(t, await(j, store.Single(store.Op{Action: store.Remove, Destination: testQueue, ID: kept.Message.ID, Seq: page[0].Seq}, true, nil)))
	require.NoError(t, j.Collect())
	require.Equal(t, []uint32{j.writer.current.number}, j.segments.numbers(), "an empty journal is one file")
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Empty(t, sequences(t, j, testQueue))
	require.Equal(t, int64(len(ops)), j.LastSequence(ops[0].Message.ID.Producer), "carried forward")
	require.NoError(t, j.Close())
}

// TestCollectAtRandom: whatever is removed in whatever order, with collections
// and restarts between, what is left is what was not removed.
func TestCollectAtRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	o := smallFiles(vfs.NewMemory())
	j := mustOpen(t, o)
	live := map[int64]message.MessageID{}
	next := int64(1)
	for range 40 {
		for range random.IntN(60) {
			u := store.Single(addition(next), false, nil)
			require.NoError(t, await(j, u))
			live[next] = u.Ops[0].Message.ID
			next++
		}
		for sequence, id := range live {
			if random.IntN(2) == 0 {
				require.NoError(t, await(j, store.Single(store.Op{Action: store.Remove, Destination: testQueue, ID: id}, false, nil)))
				delete(live, sequence)
			}
		}
		require.NoError(t, j.Collect())
		if random.IntN(3) == 0 {
			require.NoError(t, j.Close())
			j = mustOpen(t, o)
		}
		found := sequences(t, j, testQueue)
		require.Len(t, found, len(live))
		for _, sequence := range found {
			require.Contains(t, live, sequence)
		}
	}
	require.NoError(t, j.Close())
}

// TestCollectKeepsSubscriptions: the record of a subscription is written again
// when its file goes, and stays while messages are pending behind it.
func TestCollectKeepsSubscriptions(t *testing.T) {
	topic := message.NewTopic("T")
	o := smallFiles(vfs.NewMemory())
	j := mustOpen(t, o)
	info := &message.SubscriptionInfo{ClientID: "c", Name: "s", Destination: topic, Selector: "a = 1"}
	require.NoError(t, await(j, store.Single(store.Op{Action: store.AddSubscription, Destination: topic, Info: info, Retroactive: true}, true, nil)))
	for _, op := range fillFiles(t, j, 2) {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	require.NoError(t, j.Collect())
	require.NotContains(t, j.segments.numbers(), uint32(1))
	m := kilobyte(topic, 2, 1)
	u := store.Single(store.Op{Action: store.Add, Destination: topic, Message: m}, true, nil)
	require.NoError(t, await(j, u))
	for _, op := range fillFiles(t, j, 2) {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	require.NoError(t, j.Collect())
	for range 2 {
		require.NoError(t, j.Close())
		j = mustOpen(t, o)
		page, err := j.PageSubscription(nil, topic, info.Key(), 0, 10, 1<<20)
		require.NoError(t, err)
		require.Len(t, page, 1)
		require.Equal(t, *info, j.Recovered().Destinations[1].Subscriptions[0].Info)
		require.NoError(t, j.Collect())
	}
	require.NoError(t, await(j, store.Single(store.Op{Action: store.RemoveSubscription, Destination: topic, Subscription: info.Key()}, true, nil)))
	for _, op := range fillFiles(t, j, 2) {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	require.NoError(t, j.Collect())
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	for _, d := range j.Recovered().Destinations {
		require.Empty(t, d.Subscriptions)
	}
	require.NoError(t, j.Close())
}

func exposing(segment store.Segment) *store.Unit {
	return store.Single(store.Op{Action: store.Expose, Destination: testQueue, Segment: segment}, false, nil)
}

// redelivered lists the sequences of a queue that are flagged.
func redelivered(t *testing.T, j *Journal) []int64 {
	page, err := j.Page(nil, testQueue, 0, 100_000, 1<<40)
	require.NoError(t, err)
	flagged := []int64{}
	for _, e := range page {
		if e.Redelivered {
			flagged = append(flagged, e.Message.ID.ProducerSequence)
		}
	}
	return flagged
}

// TestExposed: messages up to an exposed segment are flagged after recovery,
// for as long as they are there; later ones, and those of a later destination
// of the same name, are not.
func TestExposed(t *testing.T) {
	o := smallFiles(vfs.NewMemory())
	j := mustOpen(t, o)
	ops := fillFiles(t, j, 3)
	exposed := []int64{}
	for _, op := range ops {
		if op.Segment <= 2 {
			exposed = append(exposed, op.Message.ID.ProducerSequence)
		}
	}
	require.Greater(t, len(ops), len(exposed))
	require.NoError(t, await(j, exposing(2)))
	require.Empty(t, redelivered(t, j), "only recovery flags")
	for range 3 {
		require.NoError(t, j.Close())
		j = mustOpen(t, o)
		require.Equal(t, store.Segment(2), j.Recovered().Destinations[0].Exposed)
		require.Equal(t, exposed, redelivered(t, j))
		// The file that said so goes; what it said stays.
		u := &store.Unit{Ops: []store.Op{{Action: store.Remove, Destination: testQueue, ID: ops[len(ops)-1].Message.ID}}}
		ops = ops[:len(ops)-1]
		require.NoError(t, await(j, u))
		require.NoError(t, j.Collect())
	}
	require.NoError(t, await(j, store.Single(store.Op{Action: store.RemoveDestination, Destination: testQueue}, true, nil)))
	addMessages(t, j, 1, 5)
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Empty(t, redelivered(t, j), "another incarnation")
	require.NoError(t, j.Close())
}

// TestUpdatedIsRedelivered: a message with a redelivery counter was delivered.
func TestUpdatedIsRedelivered(t *testing.T) {
	o := smallFiles(vfs.NewMemory())
	j := mustOpen(t, o)
	ops := addMessages(t, j, 1, 3)
	m := ops[1].Message.Copy()
	m.RedeliveryCounter = 1
	require.NoError(t, await(j, store.Single(store.Op{Action: store.Update, Destination: testQueue, ID: m.ID, Message: m, Seq: ops[1].Seq}, true, nil)))
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Equal(t, []int64{2}, redelivered(t, j))
	require.Equal(t, upTo(3), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}

// TestUpdateOfRemoved: an update that comes too late does not bring a message
// back.
func TestUpdateOfRemoved(t *testing.T) {
	o := smallFiles(vfs.NewMemory())
	j := mustOpen(t, o)
	ops := addMessages(t, j, 1, 3)
	update := store.Single(store.Op{Action: store.Update, Destination: testQueue, ID: ops[1].ID, Message: ops[1].Message, Seq: ops[1].Seq}, true, nil)
	j.Append(store.Single(taking(ops[1]), true, nil))
	require.NoError(t, await(j, update))
	require.Equal(t, upTo(3, 2), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Equal(t, upTo(3, 2), sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}

// TestPreparedPinsFiles: the files of a prepared branch stay until its
// outcome, through restarts.
func TestPreparedPinsFiles(t *testing.T) {
	o := smallFiles(vfs.NewMemory())
	j := mustOpen(t, o)
	id := branch(1)
	m := kilobyte(testQueue, 7, 77)
	m.Transaction = id
	require.NoError(t, await(j, &store.Unit{Transaction: id, Outcome: store.Prepare, Ops: []store.Op{{Action: store.Add, Destination: testQueue, Message: m}}}))
	for range 3 {
		for _, op := range fillFiles(t, j, 2) {
			require.NoError(t, await(j, store.Single(store.Op{Action: store.Remove, Destination: testQueue, ID: op.Message.ID}, true, nil)))
		}
		require.NoError(t, j.Collect())
		require.NoError(t, j.Close())
		j = mustOpen(t, o)
		require.Len(t, j.Recovered().Prepared, 1)
	}
	require.NoError(t, await(j, &store.Unit{Transaction: id, Outcome: store.Commit}))
	require.Equal(t, []int64{77}, sequences(t, j, testQueue))
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Empty(t, j.Recovered().Prepared)
	require.Equal(t, []int64{77}, sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}
