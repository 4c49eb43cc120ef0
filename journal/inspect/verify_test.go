package inspect

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
)

func journalFiles(t require.TestingT, disk vfs.FS) []journal.File {
	files, err := journal.Files(disk, testDirectory)
	require.NoError(t, err)
	return files
}

func path(name string) string { return filepath.Join(testDirectory, name) }

func TestVerifyClean(t *testing.T) {
	disk := filled(t)
	v := verify(t, disk)
	require.Empty(t, wrong(v))
	require.False(t, v.Damaged)
	require.Greater(t, v.Files, 4)
	require.Equal(t, v.Files+1+200+66+40+20, v.Records-v.Files-tracesBeside(t, disk), "heads have two records")
	require.Equal(t, uint64(1), v.Epoch)
	require.Zero(t, v.Unchecked)
}

// tracesBeside counts the records that are neither heads nor operations, less
// one for each file.
func tracesBeside(t *testing.T, disk vfs.FS) int {
	n := 0
	require.NoError(t, Dump(disk, testDirectory, DumpOptions{Types: []string{"trace"}}, func(l *Line) error { n++; return nil }))
	return n - 2*len(journalFiles(t, disk))
}

// harm is something that happens to a directory.
func harm(t *rapid.T, disk *vfs.Memory, files []journal.File) string {
	f := files[rapid.IntRange(0, len(files)-1).Draw(t, "file")]
	content := contentOf(t, disk, path(f.Name))
	at := rapid.IntRange(0, len(content)-1).Draw(t, "at")
	kind := rapid.SampledFrom([]string{"flip", "flip", "flip", "byte", "zeros", "sector", "garbage", "cut", "delete", "empty", "head"}).Draw(t, "kind")
	switch kind {
	case "flip":
		content[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case "byte":
		content[at] = rapid.Byte().Draw(t, "value")
	case "zeros":
		clear(content[at:min(len(content), at+rapid.IntRange(1, 3000).Draw(t, "length"))])
	case "sector":
		at -= at % 512
		clear(content[at:min(len(content), at+512)])
	case "garbage":
		for i := at; i < min(len(content), at+100); i++ {
			content[i] = 0xa5
		}
	case "cut":
		content = content[:at]
	case "head":
		content[rapid.IntRange(0, min(400, len(content)-1)).Draw(t, "place")] ^= 0x10
	case "empty":
		content = nil
	case "delete":
		require.NoError(t, disk.Remove(path(f.Name)))
		return kind + " " + f.Name
	}
	overwrite(t, disk, path(f.Name), content)
	return kind + " " + f.Name
}

// newestGone says that the harm is one that nothing can tell: the journal ends
// earlier, between two batches.
func newestGone(before, after []journal.File) bool {
	return len(after) == 0 || after[len(after)-1].Number < before[len(before)-1].Number || after[len(after)-1].Limit == 0
}

// TestVerifyFindsWhatMatters: whatever happens to the files, Verify finds it or
// the directory holds the same as before. The loss of the newest file alone can
// be seen by nobody.
func TestVerifyFindsWhatMatters(t *testing.T) {
	original := filled(t)
	want := holdings(t, original, testDirectory)
	files := journalFiles(t, original)
	rapid.Check(t, func(t *rapid.T) {
		disk := original.Snapshot()
		what := harm(t, disk, files)
		v := verify(t, disk)
		got := holdings(t, disk, testDirectory)
		if len(wrong(v)) == 0 && !newestGone(files, journalFiles(t, disk)) {
			require.True(t, slices.Equal(want, got), "%s was not found", what)
		}
	})
}

// TestVerifySaysWhatWasHeld: a damaged batch is described by what decodes in it.
func TestVerifySaysWhatWasHeld(t *testing.T) {
	disk := filled(t)
	f := journalFiles(t, disk)[1]
	content := contentOf(t, disk, path(f.Name))
	var at *journal.Batch
	_, err := journal.ReadBatches(disk, testDirectory, f, func(b *journal.Batch) error {
		return b.Records(func(r *journal.Record) error {
			if at == nil && r.Adds() {
				at = &journal.Batch{Offset: b.Offset, Payload: append([]byte(nil), b.Payload...)}
			}
			return nil
		})
	}, func(journal.Damage) {})
	require.NoError(t, err)
	content[at.Offset+20+7] ^= 1 // its checksum
	overwrite(t, disk, path(f.Name), content)
	v := verify(t, disk)
	require.True(t, v.Damaged)
	found := wrong(v)
	require.Len(t, found, 1)
	require.Equal(t, f.Name, found[0].File)
	require.Equal(t, at.Offset, found[0].Offset)
	require.Equal(t, at.Length(), found[0].Length)
	require.Equal(t, 1, found[0].Held.Messages["queue://ORDERS"]+found[0].Held.Messages["topic://NEWS"])
	require.Contains(t, found[0].String(), "1 message for")
}

// TestVerifyMissesFiles: a file that is deleted by hand is missed for certain.
func TestVerifyMissesFiles(t *testing.T) {
	disk := filled(t)
	files := journalFiles(t, disk)
	require.NoError(t, disk.Remove(path(files[1].Name)))
	require.NoError(t, disk.Remove(path(files[2].Name)))
	v := verify(t, disk)
	found := wrong(v)
	require.Len(t, found, 1)
	require.Equal(t, 2, found[0].Files)
	require.Equal(t, files[1].Name, found[0].File)
	require.Positive(t, found[0].Length)
	require.True(t, v.Damaged)
}

// TestVerifyTail: an interrupted write is a warning, not damage.
func TestVerifyTail(t *testing.T) {
	disk := filled(t)
	files := journalFiles(t, disk)
	newest := files[len(files)-1]
	end, err := journal.ReadBatches(disk, testDirectory, newest, func(*journal.Batch) error { return nil }, func(journal.Damage) {})
	require.NoError(t, err)
	content := contentOf(t, disk, path(newest.Name))
	overwrite(t, disk, path(newest.Name), content[:end-3])
	v := verify(t, disk)
	require.False(t, v.Damaged)
	require.Len(t, wrong(v), 1)
	require.Equal(t, Warning, wrong(v)[0].Severity)

	overwrite(t, disk, path(newest.Name), content[:end])
	v = verify(t, disk)
	require.Len(t, wrong(v), 1, "the end-of-file record is gone")
}
