package journal

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
)

const benchMessages = 2_000_000

// bigIndex has messages of 8 producers, as a journal would have them.
func bigIndex(n int) *index {
	x := newIndex()
	d := x.destination(testQueue)
	at := location{file: 1, offset: 200, size: 1200}
	for i := range n {
		id := identity{message.ProducerID{Connection: "ID:bench-40000-1600000000000-1:1", Session: 1, Value: int64(i*7) % 8}, int64(i / 8)}
		x.add(d, id, at, uint64(i+1), 4)
		if at.offset += at.size; at.offset > 32<<20 {
			at.file, at.offset = at.file+1, 200
		}
	}
	return x
}

// frozen is what a snapshot of it would say.
func frozen(x *index) *view {
	v := x.freeze()
	v.seq = 1 << 40
	for n := range x.files {
		v.files = append(v.files, fileView{number: n, end: 64 << 20})
		v.position = max(v.position, n)
	}
	slices.SortFunc(v.files, func(a, b fileView) int { return int(a.number) - int(b.number) })
	return v
}

// BenchmarkFreeze is what the committer does for a snapshot.
func BenchmarkFreeze(b *testing.B) {
	x := bigIndex(benchMessages)
	for b.Loop() {
		frozen(x)
		x.melt()
	}
}

func BenchmarkSnapshotEncode(b *testing.B) {
	v := frozen(bigIndex(benchMessages))
	for b.Loop() {
		_, err := encodeSnapshot(v, time.Time{}, func([]byte) error { return nil })
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchMessages, "ns/message")
}

func BenchmarkSnapshotLoad(b *testing.B) {
	v := frozen(bigIndex(benchMessages))
	disk := vfs.NewMemory()
	var content []byte
	_, err := encodeSnapshot(v, time.Time{}, func(s []byte) error { content = append(content, s...); return nil })
	require.NoError(b, err)
	overwrite(b, disk, testSnapshot, content)
	for b.Loop() {
		file, err := disk.Open(testSnapshot)
		require.NoError(b, err)
		r, meta := newSnapshotReader(file)
		files, ends := r.fileTable(&meta)
		x := loadIndex(r, &meta, files, ends, nil)
		require.NoError(b, r.err)
		require.Equal(b, benchMessages, x.slab.live)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchMessages, "ns/message")
}
