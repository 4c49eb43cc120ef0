package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// paused is a directory of small files whose master was an ActiveMQ that did
// not stop, with a message in every file; it lists the files.
func paused(t *testing.T) (disk *vfs.Memory, numbers []uint32) {
	disk = vfs.NewMemory()
	o := smallFiles(disk)
	j := mustOpen(t, o)
	fillFiles(t, j, 3)
	numbers = j.segments.numbers()
	require.NoError(t, j.Close())
	foreignTrace(t, disk, numbers[len(numbers)-1])
	overwrite(t, disk, "/j/db.data", []byte("open"))
	return disk, numbers
}

// foreignTrace appends what ActiveMQ writes when it starts.
func foreignTrace(t *testing.T, disk *vfs.Memory, number uint32) {
	o := smallFiles(disk)
	require.NoError(t, o.complete())
	j := &Journal{o: o}
	in := &inherited{}
	f := diskFile{number: number}
	var err error
	f.limit, err = disk.Size("/j/" + fileName(number))
	require.NoError(t, err)
	handle, err := disk.Open("/j/" + fileName(number))
	require.NoError(t, err)
	require.NoError(t, in.find(handle, f))
	content := make([]byte, in.end)
	_, err = handle.ReadAt(content, 0)
	require.NoError(t, err)
	content = append(content, j.appendBatch(nil, appendTrace(nil, "LOADED Sat Nov 21 12:00:00 UTC 2026"))...)
	overwrite(t, disk, "/j/"+fileName(number), append(content, eofRecord...))
	require.NoError(t, disk.SyncDir("/j"))
}

func names(t *testing.T, disk *vfs.Memory, suffix string) (found []string) {
	all, err := disk.List("/j")
	require.NoError(t, err)
	for _, name := range all {
		if strings.HasSuffix(name, suffix) {
			found = append(found, name)
		}
	}
	return found
}

// TestWokenActiveMQDeletes: whatever files an ActiveMQ deletes that is not the
// master any more, each message stays readable and each file comes back, by
// this master or by the next one.
func TestWokenActiveMQDeletes(t *testing.T) {
	disk, numbers := paused(t)
	o := smallFiles(disk)
	j := mustOpen(t, o)
	want := sequences(t, j, testQueue)
	require.NotEmpty(t, want)
	require.Len(t, names(t, disk, ".held"), len(numbers), "each file has a second name")
	for _, n := range numbers {
		require.NoError(t, disk.Remove("/j/"+fileName(n)))
	}
	j.segments.mu.Lock()
	for _, f := range j.segments.byNumber {
		j.segments.closeLocked(f)
	}
	j.segments.mu.Unlock()
	require.Equal(t, want, sequences(t, j, testQueue), "read before they are restored")
	require.Zero(t, j.Unreadable())
	killed := disk.Snapshot()
	require.NoError(t, j.lookAfter())
	for _, n := range numbers {
		_, err := disk.Size("/j/" + fileName(n))
		require.NoError(t, err)
	}
	require.NoError(t, j.Close())

	o.FS = killed // before they were restored
	j = mustOpen(t, o)
	require.Equal(t, want, sequences(t, j, testQueue))
	require.Len(t, redelivered(t, j), len(want), "flagged by the first of our masters")
	require.Equal(t, numbers, j.holds.list(), "they are protected still")
	require.NoError(t, j.Close())
}

// TestHeldFilesAreCollected: what nothing needs goes with both names.
func TestHeldFilesAreCollected(t *testing.T) {
	disk, _ := paused(t)
	j := mustOpen(t, smallFiles(disk))
	page, err := j.Page(nil, testQueue, 0, 10_000, 1<<30)
	require.NoError(t, err)
	for _, e := range page {
		require.NoError(t, await(j, store.Single(store.Op{Action: store.Remove, Destination: testQueue, ID: e.Message.ID, Seq: e.Seq}, true, nil)))
	}
	require.NoError(t, j.Collect())
	require.Empty(t, names(t, disk, ".held"))
	require.Equal(t, []uint32{j.writer.current.number}, j.segments.numbers())
	require.NoError(t, j.lookAfter())
	require.Len(t, names(t, disk, ".log"), 1)
	require.NoError(t, j.Close())
}

// TestMastersDeletionsStay: a file that an ActiveMQ deleted as our successor
// does not come back from its second name.
func TestMastersDeletionsStay(t *testing.T) {
	for _, c := range []struct {
		name  string
		index bool // it left its index
	}{{"with its index", true}, {"without", false}} {
		t.Run(c.name, func(t *testing.T) {
			disk, numbers := paused(t)
			j := mustOpen(t, smallFiles(disk))
			all := sequences(t, j, testQueue)
			current := j.writer.current.number
			require.NoError(t, j.Close())
			foreignTrace(t, disk, current)
			if c.index {
				overwrite(t, disk, "/j/db.data", []byte("open"))
			}
			require.NoError(t, disk.Remove("/j/"+fileName(numbers[0])))
			j = mustOpen(t, smallFiles(disk))
			left := sequences(t, j, testQueue)
			require.NotEmpty(t, left)
			require.Less(t, len(left), len(all))
			require.NotContains(t, j.segments.numbers(), numbers[0])
			require.NoError(t, j.Close())
		})
	}
}

// onDisk copies a directory in memory to the operating system's.
func onDisk(t *testing.T, disk *vfs.Memory) string {
	dir := t.TempDir()
	for _, name := range names(t, disk, "") {
		f, err := disk.Open("/j/" + name)
		require.NoError(t, err)
		size, err := f.Size()
		require.NoError(t, err)
		content := make([]byte, size)
		_, err = f.ReadAt(content, 0)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return dir
}

// TestWokenActiveMQWrites: neither the file that it appends to nor those that
// it begins become part of the journal, also where it has made a file ahead.
func TestWokenActiveMQWrites(t *testing.T) {
	for _, ahead := range []bool{false, true} {
		disk, numbers := paused(t)
		last := numbers[len(numbers)-1]
		blank := append([]byte(eofRecord), make([]byte, 1000)...)
		if ahead {
			overwrite(t, disk, "/j/"+fileName(last+1), blank)
		}
		o := smallFiles(vfs.OS{})
		o.Directory = onDisk(t, disk)
		name := filepath.Join(o.Directory, fileName(last))
		open, err := os.OpenFile(name, os.O_WRONLY, 0)
		require.NoError(t, err)
		defer open.Close()
		j := mustOpen(t, o)
		want := sequences(t, j, testQueue)

		served, err := os.ReadFile(name)
		require.NoError(t, err)
		_, err = open.WriteAt(j.appendBatch(nil, appendTrace(nil, "written after its time")), int64(len(served)-eofSize))
		require.NoError(t, err)
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, served, got, "it writes to a file without a name, ahead %t", ahead)
		orphan := filepath.Join(o.Directory, fileName(last+2))
		require.NoError(t, os.WriteFile(orphan, blank, 0o600))
		require.NoError(t, j.lookAfter())
		require.NoFileExists(t, orphan)
		require.FileExists(t, orphan+".orphan")
		require.NoError(t, j.Close())

		j = mustOpen(t, o)
		require.Equal(t, want, sequences(t, j, testQueue))
		require.NoError(t, j.Close())
	}
}
