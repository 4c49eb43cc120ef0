//go:build fault

package fault

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// batchHead is what a KahaDB batch begins with: size and type, a magic word,
// the payload's length and its Adler-32.
const (
	batchHead = 28
	batchWord = "\x00\x00\x00\x1c\x02WRITE BATCH"
)

// batch is one batch of a journal file, found without Conclave's own code.
type batch struct {
	file    string
	offset  int64
	length  int64    // head and payload
	entries []string // of the ledger, as they stand in it
}

func (b *batch) end() int64 { return b.offset + b.length }

var entryMark = regexp.MustCompile(`ledger \S+ \d+;`)

// batches reads every journal file of a directory, in order.
func batches(t *testing.T, dir string) (all []batch) {
	t.Helper()
	for _, name := range journalFiles(t, dir) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		for at := int64(0); bytes.HasPrefix(text[at:], []byte(batchWord)); {
			length := batchHead + int64(binary.BigEndian.Uint32(text[at+16:]))
			b := batch{file: name, offset: at, length: length}
			for _, mark := range entryMark.FindAll(text[at:at+length], -1) {
				b.entries = append(b.entries, string(mark))
			}
			all = append(all, b)
			at += length
		}
	}
	return all
}

// journalFiles lists db-<n>.log, ascending.
func journalFiles(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "db-*.log"))
	require.NoError(t, err)
	number := func(path string) int {
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "db-"), ".log"))
		return n
	}
	slices.SortFunc(paths, func(a, b string) int { return number(a) - number(b) })
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path)
	}
	return names
}

// entriesFrom collects the entries of some batches.
func entriesFrom(list []batch) (entries []string) {
	for _, b := range list {
		entries = append(entries, b.entries...)
	}
	return entries
}

// change rewrites a piece of a file.
func change(t *testing.T, path string, offset, length int64, how func(b []byte)) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	b := make([]byte, length)
	_, err = f.ReadAt(b, offset)
	require.NoError(t, err)
	how(b)
	_, err = f.WriteAt(b, offset)
	require.NoError(t, err)
}

// damage is what a row does to a directory: what it finds there, and what it
// leaves.
type damage struct {
	t       *testing.T
	dir     string
	batches []batch
}

func (d *damage) change(b batch, how func(bytes []byte)) {
	d.t.Helper()
	change(d.t, filepath.Join(d.dir, b.file), b.offset, b.length, how)
}

// last are the batches with entries of the newest file that has any.
func (d *damage) last() []batch {
	file := d.batches[len(d.batches)-1].file
	return slices.DeleteFunc(slices.Clone(d.batches), func(b batch) bool { return b.file != file || len(b.entries) == 0 })
}

// middle is a batch with entries of a file that is neither the first nor the
// newest, and has one before it and one behind.
func (d *damage) middle() batch {
	rng := random(d.t)
	first, last := d.batches[0].file, d.batches[len(d.batches)-1].file
	var found []batch
	for i := 1; i+1 < len(d.batches); i++ {
		b := d.batches[i]
		if b.file != first && b.file != last && len(b.entries) > 0 &&
			len(d.batches[i-1].entries) > 0 && d.batches[i-1].file == b.file && d.batches[i+1].file == b.file {
			found = append(found, b)
		}
	}
	require.NotEmpty(d.t, found)
	return found[rng.IntN(len(found))]
}

// verdict is what a row expects.
type verdict struct {
	lost []string // entries that cannot be there any more
	says []string // in one line of the log, which the second names; nil: none at all
}

func at(level, words string, b batch) []string {
	return []string{"level=" + level, words, "file=" + b.file, fmt.Sprintf("offset=%d", b.offset)}
}

const (
	tailLine   = "journal ends in an incomplete write; it is cut off"
	middleLine = "journal is damaged; the rest is served"
)

// cut ends the newest file within its batch i, counted from the end, keep
// bytes into it.
func cut(i int, keep func(b batch) int64) func(d *damage) verdict {
	return func(d *damage) verdict {
		last := d.last()
		b := last[len(last)-i]
		require.NoError(d.t, os.Truncate(filepath.Join(d.dir, b.file), b.offset+keep(b)))
		return verdict{entriesFrom(last[len(last)-i:]), at("WARN", tailLine, b)}
	}
}

// withSum puts the right checksum on a batch that was changed.
func withSum(b []byte) {
	binary.BigEndian.PutUint64(b[20:], uint64(adler32.Checksum(b[batchHead:])))
}

var journalFaults = []struct {
	name string
	do   func(d *damage) verdict
}{
	{"tail cut within a head", cut(1, func(batch) int64 { return 11 })},
	{"tail cut behind a head", cut(1, func(batch) int64 { return batchHead })},
	{"tail cut within a record", cut(1, func(b batch) int64 { return b.length / 2 })},
	{"tail cut by one byte", cut(1, func(b batch) int64 { return b.length - 1 })},
	{"tail cut by three batches", cut(3, func(b batch) int64 { return b.length - 2 })},
	{"tail cut between batches", func(d *damage) verdict {
		last := d.last()
		b := last[len(last)-1]
		require.NoError(d.t, os.Truncate(filepath.Join(d.dir, b.file), b.offset))
		return verdict{lost: b.entries} // which nobody can see
	}},
	{"tail of garbage", func(d *damage) verdict {
		last := d.last()
		b := last[len(last)-1]
		b.offset, b.length = b.end(), 300
		rng := random(d.t)
		d.change(b, func(bytes []byte) {
			for i := range bytes {
				bytes[i] = byte(rng.Uint32() | 1)
			}
		})
		return verdict{says: at("WARN", tailLine, b)}
	}},
	{"bits flipped in the last batch", func(d *damage) verdict {
		last := d.last()
		b := last[len(last)-1]
		rng := random(d.t)
		d.change(b, func(bytes []byte) {
			for range 3 {
				bytes[batchHead+rng.IntN(len(bytes)-batchHead)] ^= 1 << rng.IntN(8)
			}
		})
		return verdict{b.entries, append(at("WARN", tailLine, b), "checksum does not match")}
	}},
	{"a bit flipped in the middle", func(d *damage) verdict {
		b := d.middle()
		rng := random(d.t)
		d.change(b, func(bytes []byte) { bytes[batchHead+rng.IntN(len(bytes)-batchHead)] ^= 1 << rng.IntN(8) })
		return verdict{b.entries, append(at("ERROR", middleLine, b), fmt.Sprint("bytes=", b.length), "checksum does not match")}
	}},
	{"a bit flipped in a head in the middle", func(d *damage) verdict {
		b := d.middle()
		rng := random(d.t)
		d.change(b, func(bytes []byte) { bytes[rng.IntN(16)] ^= 1 << rng.IntN(8) })
		return verdict{b.entries, append(at("ERROR", middleLine, b), fmt.Sprint("bytes=", b.length), "no batch begins here")}
	}},
	{"a batch of 2^31-1 bytes", func(d *damage) verdict {
		b := d.middle()
		d.change(b, func(bytes []byte) { binary.BigEndian.PutUint32(bytes[16:], 1<<31-1) })
		return verdict{b.entries, append(at("ERROR", middleLine, b), "batch has an impossible size")}
	}},
	{"a record of 2^31-1 bytes", func(d *damage) verdict {
		b := d.middle()
		d.change(b, func(bytes []byte) {
			binary.BigEndian.PutUint32(bytes[batchHead:], 1<<31-1)
			withSum(bytes)
		})
		return verdict{b.entries, append(at("ERROR", middleLine, b), "record has an impossible size")}
	}},
	{"a record of 0 bytes", func(d *damage) verdict {
		b := d.middle()
		d.change(b, func(bytes []byte) {
			binary.BigEndian.PutUint32(bytes[batchHead:], 0)
			withSum(bytes)
		})
		return verdict{b.entries, append(at("ERROR", middleLine, b), "record has an impossible size")}
	}},
	{"a page of zeros in the middle", func(d *damage) verdict {
		b := d.middle()
		d.change(b, func(bytes []byte) { clear(bytes) })
		return verdict{b.entries, at("ERROR", middleLine, b)}
	}},
	{"a file deleted from the middle", func(d *damage) verdict {
		b := d.middle()
		require.NoError(d.t, os.Remove(filepath.Join(d.dir, b.file)))
		same := slices.DeleteFunc(slices.Clone(d.batches), func(c batch) bool { return c.file != b.file })
		return verdict{entriesFrom(same), []string{"level=ERROR", middleLine, "file=" + b.file, "the file is missing",
			fmt.Sprint("bytes=", same[len(same)-1].end())}}
	}},
	{"a file in the middle cut between batches", func(d *damage) verdict {
		b := d.middle()
		require.NoError(d.t, os.Truncate(filepath.Join(d.dir, b.file), b.offset))
		lost := slices.DeleteFunc(slices.Clone(d.batches), func(c batch) bool { return c.file != b.file || c.offset < b.offset })
		return verdict{entriesFrom(lost), append(at("ERROR", middleLine, b), fmt.Sprint("bytes=", lost[len(lost)-1].end()-b.offset))}
	}},
	{"a file of zero length in the middle", func(d *damage) verdict {
		b := d.middle()
		require.NoError(d.t, os.Truncate(filepath.Join(d.dir, b.file), 0))
		same := slices.DeleteFunc(slices.Clone(d.batches), func(c batch) bool { return c.file != b.file })
		return verdict{entriesFrom(same), []string{"level=WARN", "empty journal file is ignored", "file=" + b.file}}
	}},
	{"a file of zero length at the end", func(d *damage) verdict {
		require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, "db-4711.log"), nil, 0o644))
		return verdict{says: []string{"level=", "empty journal file is ignored", "file=db-4711.log"}}
	}},
}

// A damaged journal is served but for what is damaged, and the log says in one
// line which file, where, how much and why. A second start finds the same, and
// what was sent in between.
func TestDamagedJournal(t *testing.T) {
	t.Parallel()
	for _, row := range journalFaults {
		t.Run(row.name, func(t *testing.T) {
			const entries = 150
			n := newNode(t, "", settings{kahaDB: "journalMaxFileLength: 64kb"}).serve()
			ledger := harness.NewLedger()
			s := newSender(t, n.url(), ledger, "p")
			s.size = 1500
			s.sendAll(t, entries)
			n.kill()
			d := &damage{t, n.dir, batches(t, n.dir)}
			require.Len(t, entriesFrom(d.batches), entries)
			want := row.do(d)

			n.again()
			if want.says == nil {
				require.Zero(t, n.count("level=WARN")+n.count("level=ERROR"))
			} else {
				line := n.line(want.says[1])
				for _, words := range want.says {
					require.Contains(t, line, words)
				}
			}
			newSender(t, n.url(), ledger, "later").sendAll(t, 5)
			n.kill()
			n.again()
			drain(t, n.url(), ledger, want.lost...)
			require.Equal(t, want.lost, ledger.Missing(), "what was damaged and nothing else")
		})
	}
}
