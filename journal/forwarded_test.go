package journal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// records are the records of a file that names a command of a message, in
// order.
func records(t *testing.T, disk *vfs.Memory, number uint32) (list [][]byte) {
	handle, err := disk.Open("/j/" + fileName(number))
	require.NoError(t, err)
	defer handle.Close()
	size, err := handle.Size()
	require.NoError(t, err)
	s := &scanner{file: handle, length: size, damage: func(int64, int64, string) {}}
	_, err = s.scan(func(_ int64, payload []byte) error {
		for {
			_, record, rest, ok := nextRecord(payload)
			if !ok {
				return nil
			}
			var c command
			require.NoError(t, decodeCommand(record[recordHead:], &c))
			if c.kind == entryAdd || c.kind == entryRemove {
				list = append(list, append([]byte(nil), record...))
			}
			payload = rest
		}
	})
	require.NoError(t, err)
	return list
}

// TestActiveMQGoesOnInACompaction: an ActiveMQ that is started while the newest
// file is one of compacted acknowledgements writes into that. What is a copy
// there is passed over while the original is there; what follows it counts, for
// one that opens the journal and for one that follows it.
func TestActiveMQGoesOnInACompaction(t *testing.T) {
	ours := vfs.NewMemory()
	j := mustOpen(t, testOptions(ours, "/j"))
	ops := addMessages(t, j, 1, 4)
	require.NoError(t, await(j, store.Single(taking(ops[0]), true, nil)))
	addMessages(t, j, 5, 5)
	require.NoError(t, await(j, store.Single(taking(ops[1]), true, nil)))
	require.NoError(t, j.Close())
	written := records(t, ours, 1)
	require.Len(t, written, 7)

	loaded := appendTrace(nil, "LOADED Sat Nov 21 12:00:00 UTC 2026")
	marker := appendCommandHead(nil, entryRewrittenFile, 4)
	marker = appendVarintField(appendVarintField(marker, 1, 1), 2, 2) // db-1.log, of type 2
	file := func(records ...[]byte) (b []byte) {
		for _, r := range records {
			b = AppendBatch(b, r)
		}
		return append(b, eofRecord...)
	}
	disk := vfs.NewMemory()
	overwrite(t, disk, "/j/db-1.log", file(append([][]byte{loaded}, written[:5]...)...))
	compaction := [][]byte{marker, written[4]}
	overwrite(t, disk, "/j/db-2.log", file(compaction...))
	require.NoError(t, disk.SyncDir("/j"))
	f := follow(t, disk)
	step(t, f)
	overwrite(t, disk, "/j/db-2.log", file(append(compaction, loaded, written[5], written[6])...))
	step(t, f)
	o := testOptions(disk, "/j")
	o.Follower = f
	followed := mustOpen(t, o)
	require.Equal(t, []int64{3, 4, 5}, sequences(t, followed, testQueue), "followed")
	require.NoError(t, followed.Close())

	fresh := vfs.NewMemory()
	overwrite(t, fresh, "/j/db-1.log", file(append([][]byte{loaded}, written[:5]...)...))
	overwrite(t, fresh, "/j/db-2.log", file(append(compaction, loaded, written[5], written[6])...))
	require.NoError(t, fresh.SyncDir("/j"))
	o = testOptions(fresh, "/j")
	j = mustOpen(t, o)
	require.Equal(t, []int64{3, 4, 5}, sequences(t, j, testQueue), "opened")
	require.Empty(t, j.Damage())
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Equal(t, []int64{3, 4, 5}, sequences(t, j, testQueue), "opened once more")
	require.NoError(t, j.Close())
}
