package inspect

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
)

func dump(t require.TestingT, disk vfs.FS, o DumpOptions) (lines []Line) {
	require.NoError(t, Dump(disk, testDirectory, o, func(l *Line) error {
		lines = append(lines, *l)
		return nil
	}))
	return lines
}

func TestDump(t *testing.T) {
	disk := filled(t)
	all := dump(t, disk, DumpOptions{})
	require.True(t, slices.IsSortedFunc(all, func(a, b Line) int {
		if a.File != b.File {
			return 0
		}
		return int(a.Offset - b.Offset)
	}))
	count := map[string]int{}
	for _, l := range all {
		require.Equal(t, "ok", l.Checksum)
		require.Nil(t, l.Message)
		require.Empty(t, l.Error)
		count[l.Type]++
	}
	require.Equal(t, 240, count["add"])
	require.Equal(t, 66, count["remove"])
	require.Equal(t, 20, count["acknowledge"])
	require.Equal(t, 1, count["subscription"])

	require.Len(t, dump(t, disk, DumpOptions{Types: []string{"remove", "acknowledge"}}), 86)
	require.Len(t, dump(t, disk, DumpOptions{Destination: "topic://NEWS"}), 61)
	require.Empty(t, dump(t, disk, DumpOptions{Destination: "queue://NEWS"}))

	from, to := all[100], all[200]
	number := func(l Line) uint32 { n, _ := journal.FileNumber(l.File); return n }
	some := dump(t, disk, DumpOptions{From: Position{number(from), from.Offset}, To: Position{number(to), to.Offset}})
	require.Equal(t, all[100:201], some)

	one := dump(t, disk, DumpOptions{Types: []string{"add"}, Destination: "ORDERS", Headers: true})[4]
	require.Equal(t, "ID:test-1-1:1:1:5", one.Message.ID)
	require.Equal(t, map[string]any{"n": int64(5)}, one.Message.Properties)
	require.Nil(t, one.Message.Content)
	one = dump(t, disk, DumpOptions{Types: []string{"add"}, Destination: "ORDERS", Body: true})[4]
	require.Contains(t, string(one.Message.Content), "content of message 5,")
	text, err := json.Marshal(one)
	require.NoError(t, err)
	require.Contains(t, string(text), `"destination":"queue://ORDERS"`)
	require.Contains(t, one.String(), "db-1.log ")
}

func TestDumpStops(t *testing.T) {
	stop, n := errors.New("enough"), 0
	err := Dump(filled(t), testDirectory, DumpOptions{}, func(*Line) error { n++; return stop })
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, n)
}

func TestDumpShowsDamage(t *testing.T) {
	disk := filled(t)
	all := dump(t, disk, DumpOptions{})
	content := contentOf(t, disk, path(all[50].File))
	content[all[50].Batch+27] ^= 1
	overwrite(t, disk, path(all[50].File), content)
	damaged := dump(t, disk, DumpOptions{Types: []string{"damaged"}})
	require.Len(t, damaged, 1)
	require.Equal(t, all[50].Batch, damaged[0].Offset)
	require.Equal(t, "damaged", damaged[0].Checksum)
	require.Len(t, dump(t, disk, DumpOptions{}), len(all))
}

// FuzzTools: whatever a file holds, every tool gets through it, and a repair
// leaves nothing that is wrong.
func FuzzTools(f *testing.F) {
	disk := vfs.NewMemory()
	fill(f, disk, testDirectory, 10)
	content := contentOf(f, disk, path("db-1.log"))
	f.Add(content[:700])
	f.Add(content[:100])
	f.Add([]byte("-qMa4"))
	f.Fuzz(func(t *testing.T, content []byte) {
		disk := vfs.NewMemory()
		overwrite(t, disk, path("db-1.log"), content)
		for _, l := range dump(t, disk, DumpOptions{Body: true}) {
			require.LessOrEqual(t, l.Offset+l.Size, int64(len(content)))
			_, err := json.Marshal(l)
			require.NoError(t, err)
		}
		_, err := Measure(disk, testDirectory)
		require.NoError(t, err)
		mend(t, disk)
		require.Empty(t, wrong(verify(t, disk)))
	})
}
