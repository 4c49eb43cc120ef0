package journal

import (
	"bytes"
	"slices"
	"sync"
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

	file, marker := journalFile, markOf(1)
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
	require.Equal(t, []int64{3, 4, 5}, activeMQRecovers(t, disk), "by an ActiveMQ that follows")

	fresh := vfs.NewMemory()
	overwrite(t, fresh, "/j/db-1.log", file(append([][]byte{loaded}, written[:5]...)...))
	overwrite(t, fresh, "/j/db-2.log", file(append(compaction, loaded, written[5], written[6])...))
	require.NoError(t, fresh.SyncDir("/j"))
	require.Equal(t, []int64{2, 3, 4}, activeMQRecovers(t, fresh), "before, and without its index")
	o = testOptions(fresh, "/j")
	j = mustOpen(t, o)
	require.Equal(t, []int64{3, 4, 5}, sequences(t, j, testQueue), "opened")
	require.Empty(t, j.Damage())
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Equal(t, []int64{3, 4, 5}, sequences(t, j, testQueue), "opened once more")
	require.NoError(t, j.Close())
	require.Equal(t, []int64{3, 4, 5}, activeMQRecovers(t, fresh), "by an ActiveMQ that follows")
}

var loaded = appendTrace(nil, "LOADED Sat Nov 21 12:00:00 UTC 2026")

// markOf is how ActiveMQ begins a file of what it copies from another one.
func markOf(source uint64) []byte {
	b := appendCommandHead(nil, entryRewrittenFile, 4)
	return appendVarintField(appendVarintField(b, 1, source), 2, 2)
}

func journalFile(records ...[]byte) (b []byte) {
	for _, r := range records {
		b = AppendBatch(b, r)
	}
	return append(b, eofRecord...)
}

// activeMQRecovers is what ActiveMQ finds in a queue that recovers from the
// journal alone. (ActiveMQ: MessageDatabase.recover)
func activeMQRecovers(t *testing.T, disk *vfs.Memory) (list []int64) {
	inv, err := inspect(&Options{Directory: "/j", FS: disk, Log: quiet})
	require.NoError(t, err)
	for _, f := range inv.files {
		handle, err := disk.Open("/j/" + fileName(f.number))
		require.NoError(t, err)
		s := &scanner{file: handle, length: f.limit}
		passed := false
		_, err = s.scan(func(_ int64, payload []byte) error {
			for len(payload) > 0 && !passed {
				kind, record, rest, ok := nextRecord(payload)
				require.True(t, ok)
				payload = rest
				if kind != userRecord {
					continue
				}
				var c command
				require.NoError(t, decodeCommand(record[recordHead:], &c))
				id := newReplayer(nil, nil, nil).identity(c.id).sequence
				switch c.kind {
				case entryRewrittenFile:
					passed = inv.onDisk[c.source]
				case entryAdd:
					if !slices.Contains(list, id) {
						list = append(list, id)
					}
				case entryRemove:
					list = slices.DeleteFunc(list, func(n int64) bool { return n == id })
				}
			}
			return nil
		})
		require.NoError(t, err)
		require.NoError(t, handle.Close())
	}
	return list
}

// forwardedFiles has an ActiveMQ's directory that was killed: messages 1 to 4
// of which 1 is acknowledged in db-1.log; 2 is acknowledged and comes again in
// db-2.log; in db-3.log are copies of what db-1.log says, and what was appended
// to them.
func forwardedFiles(t *testing.T, source bool, appended ...[]byte) *vfs.Memory {
	ours := vfs.NewMemory()
	j := mustOpen(t, testOptions(ours, "/j"))
	ops := addMessages(t, j, 1, 4)
	require.NoError(t, await(j, store.Single(taking(ops[0]), true, nil)))
	require.NoError(t, await(j, store.Single(taking(ops[1]), true, nil)))
	require.NoError(t, j.Close())
	r := records(t, ours, 1)
	require.Len(t, r, 6)
	disk := vfs.NewMemory()
	if source {
		overwrite(t, disk, "/j/db-1.log", journalFile(append([][]byte{loaded}, r...)...))
	}
	overwrite(t, disk, "/j/db-2.log", journalFile(r[1])) // moved back from a dead letter queue
	copies := append(append(markOf(1), r[4]...), r[5]...)
	overwrite(t, disk, "/j/db-3.log", journalFile(append([][]byte{copies}, appended...)...))
	overwrite(t, disk, "/j/db.data", bytes.Repeat([]byte{'x'}, 8192))
	require.NoError(t, disk.SyncDir("/j"))
	return disk
}

// TestStaleCopy: the copy of an acknowledgement does not take a message that
// came again after it, whether the original is there or not, for us and for an
// ActiveMQ that follows.
func TestStaleCopy(t *testing.T) {
	for _, source := range []bool{true, false} {
		for _, appended := range [][][]byte{nil, {loaded}} {
			disk := forwardedFiles(t, source, appended...)
			expected := []int64{3, 4, 2}
			if !source {
				expected = []int64{2}
				require.Empty(t, activeMQRecovers(t, disk), "before")
			}
			j := mustOpen(t, testOptions(disk, "/j"))
			require.Equal(t, expected, sequences(t, j, testQueue))
			require.NoError(t, j.Close())
			require.Equal(t, expected, activeMQRecovers(t, disk))
			if source { // and when that has been deleted
				require.NoError(t, disk.Remove("/j/db-1.log"))
				require.Equal(t, []int64{2}, activeMQRecovers(t, disk))
			}
		}
	}
}

// TestMarkIsVoidBeforeTheIndexGoes: whenever power fails while a directory is
// taken over, an ActiveMQ whose index is gone finds everything in the journal,
// and so do we.
func TestMarkIsVoidBeforeTheIndexGoes(t *testing.T) {
	more := vfs.NewMemory()
	j := mustOpen(t, testOptions(more, "/j"))
	addMessages(t, j, 5, 5)
	require.NoError(t, j.Close())
	disk := forwardedFiles(t, true, loaded, records(t, more, 1)[0])
	require.Equal(t, []int64{3, 4, 2}, activeMQRecovers(t, disk), "before, and without its index")
	var (
		mu   sync.Mutex
		cuts []*vfs.Memory
	)
	o := testOptions(disk, "/j")
	o.FS = &vfs.Faulty{FS: disk, Fault: func(vfs.Call, string) error { return nil }, After: func(call vfs.Call, _ string) {
		switch call {
		case vfs.CallOpen, vfs.CallRead, vfs.CallClose, vfs.CallList:
			return
		}
		mu.Lock()
		defer mu.Unlock()
		cuts = append(cuts, disk.Crash(nil), disk.Snapshot())
	}}
	require.NoError(t, mustOpen(t, o).Close())
	gone := 0
	for _, cut := range cuts {
		if _, err := cut.Size("/j/db.data"); err != nil {
			gone++
			require.Equal(t, []int64{3, 4, 2, 5}, activeMQRecovers(t, cut))
		}
		j := mustOpen(t, testOptions(cut, "/j"))
		require.Equal(t, []int64{3, 4, 2, 5}, sequences(t, j, testQueue))
		require.Empty(t, j.Damage())
		require.NoError(t, j.Close())
		require.Equal(t, []int64{3, 4, 2, 5}, activeMQRecovers(t, cut))
	}
	require.Positive(t, gone)
	require.Less(t, gone, len(cuts))
}
