package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

var testQueue = message.NewQueue("TEST")

func addition(sequence int64) store.Op {
	m := kilobyte(testQueue, 1, sequence)
	m.Content = m.Content[:100]
	return store.Op{Action: store.Add, Destination: testQueue, Message: m}
}

// await appends a unit and waits for its Done.
func await(j *Journal, u *store.Unit) error {
	done := make(chan error, 1)
	u.Sync, u.Done = true, func(err error) { done <- err }
	j.Append(u)
	return <-done
}

func addMessages(t require.TestingT, j *Journal, from, to int64) (ops []store.Op) {
	for i := from; i <= to; i++ {
		u := store.Single(addition(i), true, nil)
		require.NoError(t, await(j, u))
		ops = append(ops, u.Ops[0])
	}
	return ops
}

func taking(op store.Op) store.Op {
	return store.Op{Action: store.Remove, Destination: op.Destination, ID: op.Message.ID, Seq: op.Seq}
}

func sequences(t require.TestingT, j *Journal, dest message.Destination) []int64 {
	page, err := j.Page(nil, dest, 0, 100_000, 1<<40)
	require.NoError(t, err)
	found := []int64{}
	for _, e := range page {
		found = append(found, e.Message.ID.ProducerSequence)
	}
	return found
}

func upTo(n int64, without ...int64) []int64 {
	list := []int64{}
next:
	for i := int64(1); i <= n; i++ {
		for _, w := range without {
			if w == i {
				continue next
			}
		}
		list = append(list, i)
	}
	return list
}

// tenBatches makes a journal file of a head and ten batches of one message
// each.
func tenBatches(t testing.TB) (disk *vfs.Memory, name string, content []byte) {
	disk = vfs.NewMemory()
	j := mustOpen(t, testOptions(disk, "/j"))
	addMessages(t, j, 1, 10)
	end := j.writer.current.pos
	require.NoError(t, j.Close())
	name = filepath.Join("/j", fileName(1))
	content = make([]byte, end)
	f, err := disk.Open(name)
	require.NoError(t, err)
	_, err = f.ReadAt(content, 0)
	require.NoError(t, err)
	return disk, name, content
}

func overwrite(t require.TestingT, fs vfs.FS, name string, content []byte) {
	f, err := fs.Create(name)
	require.NoError(t, err)
	_, err = f.WriteAt(content, 0)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

// batchOffsets lists where the batches of a file begin.
func batchOffsets(content []byte) (offsets []int64) {
	for o := int64(0); o < int64(len(content)); {
		size, _, _ := batchPayload(content[o:], int64(len(content)))
		offsets = append(offsets, o)
		o += batchHead + size
	}
	return offsets
}

// TestTornTail cuts the last batch at every byte, and scribbles over what
// follows the cut: the others are served, the tail is reported and cut off.
func TestTornTail(t *testing.T) {
	_, name, content := tenBatches(t)
	offsets := batchOffsets(content)
	last := offsets[len(offsets)-1]
	for n := last; n < int64(len(content)); n++ {
		for _, filler := range []byte{0, 0xa5} {
			torn := append([]byte(nil), content...)
			for i := n; i < int64(len(torn)); i++ {
				torn[i] = filler
			}
			disk := vfs.NewMemory()
			overwrite(t, disk, name, torn)
			j := mustOpen(t, testOptions(disk, "/j"))
			require.Equal(t, upTo(9), sequences(t, j, testQueue), "cut at %d", n)
			if n > last+3 || filler != 0 { // a batch begins with three zeros
				require.Len(t, j.Damage(), 1, "cut at %d of %d with %x", n-last, int64(len(content))-last, filler)
				d := j.Damage()[0]
				require.True(t, d.Tail)
				require.Equal(t, last, d.Offset)
			}
			addMessages(t, j, 11, 11)
			require.NoError(t, j.Close())
			j = mustOpen(t, testOptions(disk, "/j"))
			require.Empty(t, j.Damage(), "the tail is gone")
			require.Equal(t, append(upTo(9), 11), sequences(t, j, testQueue))
			require.NoError(t, j.Close())
		}
	}
}

// TestBitFlips changes every byte of a batch in the middle: the other batches
// are served, and the damage is reported with its extent.
func TestBitFlips(t *testing.T) {
	_, name, content := tenBatches(t)
	offsets := batchOffsets(content)
	from, to := offsets[5], offsets[6] // of message 5: the head comes first
	for n := from; n < to; n++ {
		flipped := append([]byte(nil), content...)
		flipped[n] ^= 1 << (n % 8)
		disk := vfs.NewMemory()
		overwrite(t, disk, name, flipped)
		j := mustOpen(t, testOptions(disk, "/j"))
		require.Equal(t, upTo(10, 5), sequences(t, j, testQueue), "byte %d", n-from)
		require.Len(t, j.Damage(), 1)
		d := j.Damage()[0]
		require.Equal(t, Damage{File: fileName(1), Offset: from, Length: to - from, Reason: d.Reason}, d)
		require.NoError(t, j.Close())
	}
}

// TestRandomDamage: any damage is survived, and recovering twice gives the
// same.
func TestRandomDamage(t *testing.T) {
	_, name, content := tenBatches(t)
	random := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		damaged := bytes.Clone(content)
		for range 1 + random.IntN(4) {
			damaged[random.IntN(len(damaged))] = byte(random.Uint32())
		}
		if random.IntN(3) == 0 {
			damaged = damaged[:random.IntN(len(damaged)+1)]
		}
		disk := vfs.NewMemory()
		overwrite(t, disk, name, damaged)
		j := mustOpen(t, testOptions(disk, "/j"))
		found := sequences(t, j, testQueue)
		require.NoError(t, j.Close())
		j = mustOpen(t, testOptions(disk, "/j"))
		require.Equal(t, found, sequences(t, j, testQueue))
		require.NoError(t, j.Close())
	}
}

// TestDamageIsKept: a file with damage is not deleted but set aside, and a
// damaged record whose batch looks sound is left out alone.
func TestDamageIsKept(t *testing.T) {
	_, name, content := tenBatches(t)
	offsets := batchOffsets(content)
	record := offsets[5] + batchHead
	content[record+recordHead] = 99 // an unknown command
	for i := offsets[5] + batchSum; i < record; i++ {
		content[i] = 0 // unchecked
	}
	disk := vfs.NewMemory()
	overwrite(t, disk, name, content)
	j := mustOpen(t, testOptions(disk, "/j"))
	require.Equal(t, upTo(10, 5), sequences(t, j, testQueue))
	require.Len(t, j.Damage(), 1)
	require.Equal(t, record, j.Damage()[0].Offset)
	require.NoError(t, await(j, store.Single(store.Op{Action: store.RemoveDestination, Destination: testQueue}, true, nil)))
	require.NoError(t, j.Collect())
	names, err := disk.List("/j")
	require.NoError(t, err)
	require.Contains(t, names, "db-1.log.damaged")
	require.NotContains(t, names, "db-1.log")
	require.NoError(t, j.Close())
}

// TestImpossibleSizes: sizes that cannot be are not allocated.
func TestImpossibleSizes(t *testing.T) {
	for _, size := range []uint32{0x7fffffff, 0xffffffff, 0x80000000, 0, 4} {
		_, name, content := tenBatches(t)
		offsets := batchOffsets(content)
		for i := range 4 {
			content[offsets[3]+batchLength+int64(i)] = byte(size >> (24 - 8*i))
		}
		disk := vfs.NewMemory()
		overwrite(t, disk, name, content)
		j := mustOpen(t, testOptions(disk, "/j"))
		require.Equal(t, upTo(10, 3), sequences(t, j, testQueue), "size %d", size)
		require.NoError(t, j.Close())
	}
}

// TestEmptyFiles: files without content, as a full disk leaves them, and names
// that are no journal files are passed over.
func TestEmptyFiles(t *testing.T) {
	disk, _, content := tenBatches(t)
	overwrite(t, disk, "/j/db-2.log", nil)
	overwrite(t, disk, "/j/db-3.log", []byte("-qMa4"))
	overwrite(t, disk, "/j/db-4.log", make([]byte, 1000))
	overwrite(t, disk, "/j/db-x.log", content)
	overwrite(t, disk, "/j/db-007.log", content)
	overwrite(t, disk, "/j/db-9.log.orphan", content)
	j := mustOpen(t, testOptions(disk, "/j"))
	require.Equal(t, upTo(10), sequences(t, j, testQueue))
	require.Empty(t, j.Damage())
	require.Equal(t, uint32(104), j.writer.current.number)
	require.NoError(t, j.Close())
}

// TestUnreadableMessage: a message that turns bad while the journal is open is
// left out of pages, and counted.
func TestUnreadableMessage(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, testOptions(vfs.OS{}, dir))
	ops := addMessages(t, j, 1, 10)
	at, _, ok := j.locate(testQueue, uint64(ops[4].Seq))
	require.True(t, ok)
	f, err := os.OpenFile(filepath.Join(dir, fileName(at.file)), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{99}, int64(at.offset)+recordHead)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for range 2 {
		require.Equal(t, upTo(10, 5), sequences(t, j, testQueue))
	}
	require.Equal(t, int64(1), j.Unreadable())
	require.NoError(t, j.Close())
}

// TestWrongDirectories: clear errors.
func TestWrongDirectories(t *testing.T) {
	_, err := Open(Options{})
	require.ErrorIs(t, err, errOptions)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err = Open(Options{Directory: file, Log: quiet})
	require.Error(t, err)
	_, err = Open(Options{Directory: t.TempDir(), MaxFileLength: 10})
	require.ErrorIs(t, err, errOptions)
}

// TestStoreVersion: messages in another OpenWire version are not taken for
// ours.
func TestStoreVersion(t *testing.T) {
	dir := unpack(t, "crash")
	index := filepath.Join(dir, "db.data")
	b, err := os.ReadFile(index)
	require.NoError(t, err)
	version, ok := storedOpenWireVersion(b[:8192])
	require.True(t, ok)
	require.Equal(t, int32(11), version)
	for i := 4096; i < 4096+200; i++ {
		if b[i] == 11 && b[i-1] == 0 && b[i-2] == 0 && b[i-3] == 0 {
			b[i] = 6
		}
	}
	require.NoError(t, os.WriteFile(index, b, 0o644))
	_, err = Open(testOptions(vfs.OS{}, dir))
	require.ErrorIs(t, err, ErrStoreVersion)
	require.FileExists(t, index, "nothing was touched")
}

func TestDamageText(t *testing.T) {
	d := Damage{File: "db-7.log", Offset: 100, Length: 20, Reason: "checksum does not match"}
	require.Equal(t, "db-7.log: 20 bytes at offset 100: checksum does not match", fmt.Sprint(d))
}
