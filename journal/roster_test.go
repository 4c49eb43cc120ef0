package journal

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// fiveFiles leaves a journal of five files with messages, and returns how many.
func fiveFiles(t *testing.T) (*vfs.Memory, Options, int) {
	disk := vfs.NewMemory()
	o := smallFiles(disk)
	j := mustOpen(t, o)
	ops := fillFiles(t, j, 5)
	require.NoError(t, j.Close())
	return disk, o, len(ops)
}

func lengths(t *testing.T, disk vfs.FS) map[uint32]int64 {
	c, err := Load(disk, "/j")
	require.NoError(t, err)
	defer c.Close()
	ends := map[uint32]int64{}
	for _, p := range c.Pins() {
		ends[p.File.Number] = p.Length
	}
	return ends
}

// TestDeletedFileIsMissed: a file that somebody deletes from the middle, or
// empties, is reported with what it held, at every opening for as long as there
// is an older one.
func TestDeletedFileIsMissed(t *testing.T) {
	for _, how := range []string{"deleted", "emptied"} {
		t.Run(how, func(t *testing.T) {
			disk, o, _ := fiveFiles(t)
			held := lengths(t, disk)[3]
			name := filepath.Join("/j", fileName(3))
			if how == "deleted" {
				require.NoError(t, disk.Remove(name))
			} else {
				overwrite(t, disk, name, nil)
			}
			want := Damage{File: fileName(3), Length: held, Missing: 1, Reason: "the file is missing or empty"}
			for range 3 {
				j := mustOpen(t, o)
				require.Equal(t, []Damage{want}, j.Damage())
				addMessages(t, j, 100_000, 100_000)
				require.NoError(t, j.Close())
			}
			j := mustOpen(t, o)
			page, err := j.Page(nil, testQueue, 0, 100_000, 1<<40)
			require.NoError(t, err)
			for _, e := range page { // of file 1 and 2: nothing is older than 3 then
				if e.Segment < 3 {
					require.NoError(t, await(j, store.Single(store.Op{Action: store.Remove, Destination: testQueue, ID: e.Message.ID, Seq: e.Seq}, true, nil)))
				}
			}
			require.NoError(t, j.Collect())
			require.NoError(t, j.Close())
			mustOpen(t, o).Close() // lists the files anew
			j = mustOpen(t, o)
			require.Empty(t, j.Damage())
			require.NoError(t, j.Close())
		})
	}
}

// TestCollectedFilesAreNotMissed: what the janitor deletes is nothing to
// report, whenever a power failure comes.
func TestCollectedFilesAreNotMissed(t *testing.T) {
	disk := vfs.NewMemory()
	var crashed []*vfs.Memory
	watched := &vfs.Faulty{FS: disk, Fault: func(vfs.Call, string) error { return nil }}
	var mu sync.Mutex
	watched.After = func(call vfs.Call, name string) {
		mu.Lock()
		defer mu.Unlock()
		if call == vfs.CallRemove || call == vfs.CallSyncDir || call == vfs.CallRename {
			crashed = append(crashed, disk.Crash(nil))
		}
	}
	o := smallFiles(watched)
	j := mustOpen(t, o)
	ops := fillFiles(t, j, 4)
	for i, op := range ops {
		if i%50 != 0 {
			require.NoError(t, await(j, store.Single(taking(op), true, nil)))
		}
	}
	require.NoError(t, j.Collect())
	for i, op := range ops {
		if i%50 == 0 {
			require.NoError(t, await(j, store.Single(taking(op), true, nil)))
		}
	}
	require.NoError(t, j.Collect())
	require.Equal(t, []uint32{j.writer.current.number}, j.segments.numbers())
	fillFiles(t, j, 2)
	require.NoError(t, j.Close())
	require.Greater(t, len(crashed), 10)
	for _, after := range append(crashed, disk) {
		j := mustOpen(t, smallFiles(after))
		require.Empty(t, j.Damage())
		require.NoError(t, j.Close())
	}
}

// TestCutFileIsMissed: batches that are gone from the end of a file that has a
// successor are missed, whether it was cut or zeroed.
func TestCutFileIsMissed(t *testing.T) {
	for _, how := range []string{"cut", "zeroed", "scribbled over"} {
		t.Run(how, func(t *testing.T) {
			disk, o, _ := fiveFiles(t)
			ends := lengths(t, disk)
			name := filepath.Join("/j", fileName(3))
			f, err := disk.Open(name)
			require.NoError(t, err)
			content := make([]byte, ends[3])
			_, err = f.ReadAt(content, 0)
			require.NoError(t, err)
			offsets := batchOffsets(content)
			cut := offsets[len(offsets)-4]
			switch how {
			case "cut":
				content = content[:cut]
			case "zeroed":
				clear(content[cut:])
			default:
				copy(content[cut:], bytes.Repeat([]byte{0xa5}, len(content)))
			}
			overwrite(t, disk, name, content)
			j := mustOpen(t, o)
			require.Len(t, j.Damage(), 1)
			d := j.Damage()[0]
			require.Equal(t, Damage{File: fileName(3), Offset: cut, Length: ends[3] - cut, Reason: d.Reason}, d)
			require.NoError(t, j.Close())
		})
	}
}

// TestActiveMQMayHaveDeleted: after ActiveMQ has been master it cannot be told.
func TestActiveMQMayHaveDeleted(t *testing.T) {
	disk, o, _ := fiveFiles(t)
	ends := lengths(t, disk)
	newest := uint32(6)
	require.Contains(t, ends, newest)
	name := filepath.Join("/j", fileName(newest))
	content := make([]byte, ends[newest])
	f, err := disk.Open(name)
	require.NoError(t, err)
	_, err = f.ReadAt(content, 0)
	require.NoError(t, err)
	overwrite(t, disk, name, AppendBatch(content, appendTrace(nil, "LOADED Thu Jan 01 00:00:00 UTC 1970")))
	require.NoError(t, disk.Remove(filepath.Join("/j", fileName(3))))
	j := mustOpen(t, o)
	require.Len(t, j.Damage(), 1)
	require.True(t, j.Damage()[0].Doubtful)
	require.NoError(t, j.Close())
	j = mustOpen(t, o)
	require.Empty(t, j.Damage(), "said once")
	require.NoError(t, j.Close())
}

// TestFollowerMissesFiles: a slave says so as well, after the time that a
// deletion may be ahead of its record.
func TestFollowerMissesFiles(t *testing.T) {
	disk, _, _ := fiveFiles(t)
	require.NoError(t, disk.Remove(filepath.Join("/j", fileName(3))))
	var log strings.Builder
	f, err := Follow(FollowOptions{Directory: "/j", FS: watching(t, disk), Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	step(t, f)
	require.NotContains(t, log.String(), "missing")
	f.t.absence.since[3] = time.Now().Add(-goneGrace - time.Second)
	step(t, f)
	step(t, f)
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log.String())
	require.Contains(t, log.String(), "file=db-3.log")
}

func TestRosterText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := []uint32{}
		next := uint32(0)
		for range rapid.IntRange(0, 3000).Draw(t, "n") {
			next += uint32(rapid.SampledFrom([]int{1, 1, 1, 2, 1000}).Draw(t, "step"))
			files = append(files, next)
		}
		end := rapid.Int64Range(0, 1<<40).Draw(t, "end")
		text := filesText(files, end)
		require.LessOrEqual(t, len(text), maxRosterText)
		var r roster
		require.True(t, r.note(next+1, text))
		require.Equal(t, files[len(files)-len(r.files):], append([]uint32{}, r.files...), "the newest")
		if len(files) < 500 {
			require.Len(t, r.files, len(files))
		}
		for _, gone := range goneTexts(files) {
			require.True(t, r.note(next+1, gone))
		}
		require.Empty(t, r.files)
	})
	for _, bad := range []string{"x", "1-", "5-3", "1-9999999999", "3,1", "0-2147483647", strconv.Itoa(1 << 31)} {
		_, ok := parseRanges(bad)
		require.False(t, ok, bad)
	}
}

// TestSnapshotMissesFiles: a start from a snapshot misses a file as well that was
// deleted since, and one that was missing before.
func TestSnapshotMissesFiles(t *testing.T) {
	disk, o, _ := fiveFiles(t)
	j := mustOpen(t, o)
	require.NoError(t, j.Snapshot(t.Context()))
	require.NoError(t, j.Close())
	require.NoError(t, disk.Remove(filepath.Join("/j", fileName(3))))
	for i := range int64(3) {
		j := mustOpen(t, o)
		require.Len(t, j.Damage(), 1)
		require.Contains(t, j.Damage()[0].Reason, missingReason)
		addMessages(t, j, 100_000+i, 100_000+i)
		require.NoError(t, j.Snapshot(t.Context()))
		require.NoError(t, j.Close())
	}
}
