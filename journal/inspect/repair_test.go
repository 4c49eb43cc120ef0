package inspect

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
)

func owner() error { return nil }

func mend(t require.TestingT, disk vfs.FS) *Plan {
	p, err := NewPlan(disk, testDirectory)
	require.NoError(t, err)
	require.NoError(t, Repair(disk, p, owner))
	return p
}

// TestRepair: whatever happened to a directory, after a repair nothing is wrong
// with it, and it holds what could be read before; a broker serves that.
func TestRepair(t *testing.T) {
	original := filled(t)
	files := journalFiles(t, original)
	rapid.Check(t, func(t *rapid.T) {
		disk := original.Snapshot()
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			if left := journalFiles(t, disk); len(left) == len(files) && !slices.ContainsFunc(left, func(f journal.File) bool { return f.Size == 0 }) {
				harm(t, disk, left)
			}
		}
		want := holdings(t, disk, testDirectory)
		p := mend(t, disk)
		require.Empty(t, wrong(verify(t, disk)))
		require.True(t, slices.Equal(want, holdings(t, disk, testDirectory)))
		for _, f := range p.Files {
			for _, c := range f.Cuts {
				if c.Side != "" {
					require.Len(t, contentOf(t, disk, path(c.Side)), int(c.Length))
				}
			}
		}
		again, err := NewPlan(disk, testDirectory)
		require.NoError(t, err)
		require.True(t, again.Empty())

		j := open(t, disk, testDirectory)
		require.Empty(t, j.Damage())
		require.NoError(t, j.Close())
		require.Empty(t, wrong(verify(t, disk)))
		require.True(t, slices.Equal(want, holdings(t, disk, testDirectory)))
	})
}

// TestRepairOfASealedFile: a file that was the newest when a master took over
// keeps its end, which that master's files state.
func TestRepairOfASealedFile(t *testing.T) {
	disk := vfs.NewMemory()
	fill(t, disk, testDirectory, 100)
	fill(t, disk, testDirectory, 10) // another mastership
	files := journalFiles(t, disk)
	sealed := files[len(files)-2]
	require.Less(t, sealed.First, files[len(files)-1].First)
	content := contentOf(t, disk, path(sealed.Name))
	content[len(content)-60] ^= 1
	overwrite(t, disk, path(sealed.Name), content)
	require.True(t, verify(t, disk).Damaged)
	mend(t, disk)
	require.Empty(t, wrong(verify(t, disk)))
}

// TestRepairIsInterrupted: a lost lock ends it, and it can be done again.
func TestRepairIsInterrupted(t *testing.T) {
	disk := filled(t)
	for _, f := range journalFiles(t, disk)[:3] {
		content := contentOf(t, disk, path(f.Name))
		content[3000] ^= 1
		overwrite(t, disk, path(f.Name), content)
	}
	want := holdings(t, disk, testDirectory)
	lost := errors.New("lost")
	for allowed := 0; ; allowed++ {
		copied := disk.Snapshot()
		p, err := NewPlan(copied, testDirectory)
		require.NoError(t, err)
		asked := 0
		err = Repair(copied, p, func() error {
			if asked++; asked > allowed {
				return lost
			}
			return nil
		})
		require.Equal(t, want, holdings(t, copied, testDirectory), "after %d", allowed)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, lost)
		mend(t, copied)
		require.Empty(t, wrong(verify(t, copied)))
	}
}

// TestRepairOfARecord: a record that cannot be read is taken out of a batch that
// is sound otherwise, and kept.
func TestRepairOfARecord(t *testing.T) {
	disk := filled(t)
	f := journalFiles(t, disk)[1]
	var batch []byte
	var at, record int64
	_, err := journal.ReadBatches(disk, testDirectory, f, func(b *journal.Batch) error {
		return b.Records(func(r *journal.Record) error {
			if at == 0 && r.Adds() {
				at, record = b.Offset, r.Offset
				payload := slices.Clone(b.Payload)
				payload[r.Offset-b.Offset-28+5] = 15 // a type that there is not, but whose form may be right
				batch = journal.AppendBatch(nil, payload)
			}
			return nil
		})
	}, func(journal.Damage) {})
	require.NoError(t, err)
	content := contentOf(t, disk, path(f.Name))
	batch[28+5] = 99
	batch = journal.AppendBatch(nil, batch[28:])
	copy(content[at:], batch)
	overwrite(t, disk, path(f.Name), content)
	v := verify(t, disk)
	require.Len(t, wrong(v), 1)
	require.True(t, wrong(v)[0].Record)
	require.Equal(t, record, wrong(v)[0].Offset)
	p := mend(t, disk)
	require.Len(t, p.Files, 1)
	require.Empty(t, wrong(verify(t, disk)))
	require.NotEmpty(t, contentOf(t, disk, path(p.Files[0].Cuts[0].Side)))
}

// TestExtract gives what waits, in order, and on request what damage holds.
func TestExtract(t *testing.T) {
	disk := filled(t)
	take := func(disk vfs.FS, damaged bool) (ids []string, count Extracted) {
		count, err := Extract(disk, testDirectory, ExtractOptions{Destination: "ORDERS", Damaged: damaged}, func(m *message.Message, at Origin) error {
			text := m.ID.String()[strings.LastIndexByte(m.ID.String(), ':')+1:]
			if at.Damaged {
				text += "?"
			}
			ids = append(ids, text)
			require.Contains(t, string(m.Content), "content of message "+strings.TrimSuffix(text, "?")+",")
			return nil
		})
		require.NoError(t, err)
		return ids, count
	}
	all, count := take(disk, true)
	require.Len(t, all, 134)
	require.Equal(t, Extracted{Messages: 134}, count)

	// Of three batches, one is a message that waits, one a message that was taken
	// later, one its removal.
	spoil := func(id string, kind string) {
		for _, f := range journalFiles(t, disk) {
			var at int64 = -1
			_, err := journal.ReadBatches(disk, testDirectory, f, func(b *journal.Batch) error {
				return b.Records(func(r *journal.Record) error {
					if r.Type() == kind && strings.HasSuffix(string(r.MessageID()), ":"+id) {
						at = b.Offset
					}
					return nil
				})
			}, func(journal.Damage) {})
			require.NoError(t, err)
			if at >= 0 {
				content := contentOf(t, disk, path(f.Name))
				content[at+27] ^= 1
				overwrite(t, disk, path(f.Name), content)
				return
			}
		}
		require.Fail(t, "there is no "+kind+" of "+id)
	}
	spoil("100", "add")
	spoil("99", "add")
	for range 2 {
		some, count := take(disk, false)
		require.Len(t, some, 133)
		require.Zero(t, count.Damaged)
		require.NotContains(t, some, "100")
		more, count := take(disk, true)
		require.Equal(t, append(some, "100?"), more, "99 was taken")
		require.Equal(t, Extracted{Messages: 134, Damaged: 1}, count)
		mend(t, disk) // now it is in side files
	}
}

// TestExtractStops when the visitor does.
func TestExtractStops(t *testing.T) {
	stop := errors.New("enough")
	n := 0
	_, err := Extract(filled(t), testDirectory, ExtractOptions{Destination: "queue://ORDERS"}, func(*message.Message, Origin) error {
		n++
		return stop
	})
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, n)
}
