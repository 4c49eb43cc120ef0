package journal

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// TestPriorityOfRecords: the flag is written where the destination has
// priorities, as ActiveMQ does; the index takes the priority with or without
// it, and from the message where the record has none.
func TestPriorityOfRecords(t *testing.T) {
	for _, c := range []struct {
		name        string
		prioritized bool
		without     bool // the fields are cut off
		tail        string
	}{
		{"flagged", true, false, "\x28\x07\x30\x01"},
		{"not flagged", false, false, "\x28\x07"},
		{"of the message", false, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := kilobyte(testQueue, 1, 1)
			m.Priority = 7
			e := &encoder{codec: openwire.NewStore(openwire.StoreVersion)}
			b, err := e.unit(nil, store.Single(store.Op{Action: store.Add, Destination: testQueue, Message: m, Prioritized: c.prioritized}, true, nil))
			require.NoError(t, err)
			require.Equal(t, c.tail, string(b[len(b)-len(c.tail):]))
			var cmd command
			require.NoError(t, decodeCommand(b[recordHead:], &cmd))
			require.Equal(t, int8(7), cmd.priority)
			if c.without {
				cmd.priority = -1
			}
			r := newReplayer(newIndex(), quiet, nil)
			require.NoError(t, r.apply(&cmd, location{1, 0, uint32(len(b))}))
			require.Equal(t, uint32(1), r.x.destinations[testQueue].levels[7])
		})
	}
}

// TestCountsAreCarried: a redelivery counter outlives the file that it was
// recorded in, by collection and by compaction, and a snapshot has it.
func TestCountsAreCarried(t *testing.T) {
	o := smallFiles(vfs.NewMemory())
	j := mustOpen(t, o)
	kept := store.Op{Action: store.Add, Destination: testQueue, Message: kilobyte(testQueue, 7, 1)}
	require.NoError(t, await(j, store.Single(kept, true, nil)))
	for _, op := range fillFiles(t, j, 2) {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	counting := store.Op{Action: store.Recount, Destination: testQueue, ID: kept.Message.ID, Redeliveries: 3}
	require.NoError(t, await(j, store.Single(counting, true, nil)))
	first := j.index.counted[j.index.target(j.index.destinations[testQueue], &counting)].file
	for _, op := range fillFiles(t, j, 2) {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	require.NoError(t, j.Compact())
	require.NoError(t, j.Collect())
	require.NotContains(t, j.segments.numbers(), first)
	for _, snapshot := range []bool{false, true} {
		if snapshot {
			snapshotIfPossible(t, j)
		}
		require.NoError(t, j.Close())
		j = mustOpen(t, o)
		page, err := j.Page(nil, testQueue, 0, 10, 1<<20)
		require.NoError(t, err)
		require.Len(t, page, 1)
		require.Equal(t, int32(3), page[0].Redeliveries)
	}
	require.NoError(t, await(j, store.Single(taking(kept), true, nil)))
	require.Empty(t, j.index.counted)
	require.NoError(t, j.Close())
}

// TestEntriesStaySmall: priority and counter lie where an entry was padded, so
// that they cost the millions of messages of a slave nothing.
func TestEntriesStaySmall(t *testing.T) {
	require.EqualValues(t, 40, unsafe.Sizeof(entry{}))
}
