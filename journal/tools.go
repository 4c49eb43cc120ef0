package journal

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"
	"slices"

	"github.com/conclavemq/conclave/journal/vfs"
)

// What tools need to read a directory without serving it: the files, their
// batches and records. Nothing here writes. Package journal/inspect uses it.

// File is a journal file as [Files] found it.
type File struct {
	Name   string // base name
	Number uint32
	Size   int64 // bytes on disk
	// Limit is how many of them belong to the journal; what lies behind was
	// written by a deposed master.
	Limit int64
	// Epoch is the mastership that began the file, and First its first file; 0
	// for a file that ActiveMQ began, or whose head is damaged.
	Epoch uint64
	First uint32
	// Orphan says that a deposed master wrote it after its time.
	Orphan bool
	// Newest says that the journal ends in it.
	Newest bool
}

// Files lists the journal files of a directory, ascending, orphans and empty
// ones among them.
func Files(fs vfs.FS, directory string) ([]File, error) {
	names, err := fs.List(directory)
	if err != nil {
		return nil, fmt.Errorf("list journal directory: %w", err)
	}
	o := &Options{Directory: directory, FS: fs}
	var files []File
	var found []diskFile
	for _, name := range names {
		number, ok := fileNumber(name)
		if !ok {
			continue
		}
		f, err := inspectFile(o, number)
		if errors.Is(err, iofs.ErrNotExist) {
			continue // deleted by a living master
		}
		if err != nil {
			return nil, err
		}
		files = append(files, fileOf(f))
		if f.limit > 0 {
			found = append(found, f)
		}
	}
	slices.SortFunc(files, func(a, b File) int { return int(a.Number) - int(b.Number) })
	slices.SortFunc(found, func(a, b diskFile) int { return int(a.number) - int(b.number) })
	inv := &inventory{}
	inv.chain(found)
	placeInChain(files, inv)
	return files, nil
}

func fileOf(f diskFile) File {
	file := File{Name: fileName(f.number), Number: f.number, Size: f.limit, Limit: f.limit}
	if f.head != nil {
		file.Epoch, file.First = f.head.epoch, f.head.first
	}
	return file
}

// placeInChain puts what the chain of files says into their list.
func placeInChain(files []File, inv *inventory) {
	for i := range files {
		f := &files[i]
		f.Orphan = slices.Contains(inv.orphans, f.Number)
		for k, d := range inv.files {
			if d.number == f.Number {
				f.Limit, f.Newest = d.limit, k == len(inv.files)-1
			}
		}
	}
}

// FileNumber reads the name of a journal file.
func FileNumber(name string) (uint32, bool) { return fileNumber(name) }

// FileName is the name of journal file n.
func FileName(n uint32) string { return fileName(n) }

// Batch is a valid batch of a file. Its payload is only good until the visit
// ends.
type Batch struct {
	Offset  int64 // of its head
	Payload []byte
	Checked bool // it has a checksum
}

// Length is the bytes of head and payload.
func (b *Batch) Length() int64 { return batchHead + int64(len(b.Payload)) }

// ReadBatches calls visit for the valid batches of a file, in order, and
// damage for what lies between them, and returns where the last one ends. What
// is no batch at the end of the newest file is Tail damage.
func ReadBatches(fs vfs.FS, directory string, f File, visit func(*Batch) error, damage func(Damage)) (end int64, err error) {
	handle, err := fs.Open(filepath.Join(directory, f.Name))
	if err != nil {
		return 0, fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	s := &scanner{file: handle, length: f.Limit}
	s.damage = func(offset, length int64, reason string) {
		damage(Damage{File: f.Name, Offset: offset, Length: length, Reason: reason, Tail: f.Newest && offset+length >= s.length})
	}
	var b Batch
	end, err = s.scan(func(offset int64, payload []byte) error {
		b = Batch{Offset: offset - batchHead, Payload: payload, Checked: s.sum != 0}
		return visit(&b)
	})
	if err != nil {
		return end, fmt.Errorf("read %s: %w", f.Name, err)
	}
	return end, nil
}

// AppendBatch appends a batch of records to b, with its checksum.
func AppendBatch(b, records []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, batchHead)...)
	putBatchHead(b[at:], len(records), checksum(records))
	return append(b, records...)
}

// AppendUnchecked is AppendBatch without a checksum.
func AppendUnchecked(b, records []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, batchHead)...)
	putBatchHead(b[at:], len(records), 0)
	return append(b, records...)
}

// EndOfFile is what stands behind the last batch of a file.
func EndOfFile() []byte { return slices.Clone(eofRecord) }
