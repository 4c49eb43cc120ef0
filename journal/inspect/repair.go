package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
)

// Repair carries a plan out: what is damaged is copied to side files, then each
// file is replaced by a copy without it. The caller holds the directory's lock;
// owned is asked before anything gets its name. A repair that is interrupted
// leaves each file as it was or repaired, and can be begun again.
func Repair(o vfs.FS, p *Plan, owned func() error) error {
	if p.Empty() {
		return nil
	}
	r := repairer{o, p, owned, nil}
	if err := r.clearIndexes(); err != nil {
		return err
	}
	for i := range p.Files {
		if err := r.file(&p.Files[i]); err != nil {
			return fmt.Errorf("repair %s: %w", p.Files[i].File, err)
		}
	}
	return r.accept()
}

type repairer struct {
	fs    vfs.FS
	plan  *Plan
	owned func() error
	// told are the rewritten files that have no room to say so themselves.
	told []uint32
}

func (r *repairer) path(name string) string { return filepath.Join(r.plan.Directory, name) }

// indexNames are files that say where in the journal something lies. Whoever
// needs them makes them again.
var indexNames = []string{"db.data", "db.redo", "db.free", "conclave.snapshot"}

func (r *repairer) clearIndexes() error {
	if err := r.owned(); err != nil {
		return err
	}
	for _, name := range indexNames {
		if err := r.fs.Remove(r.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove index: %w", err)
		}
	}
	return r.fs.SyncDir(r.plan.Directory)
}

func (r *repairer) file(f *FileRepair) error {
	if f.Aside != "" {
		if err := r.owned(); err != nil {
			return err
		}
		if err := r.fs.Rename(r.path(f.File), r.path(f.Aside)); err != nil {
			return err
		}
		return r.fs.SyncDir(r.plan.Directory)
	}
	for i := range f.Cuts {
		if err := r.setAside(f, &f.Cuts[i]); err != nil {
			return err
		}
	}
	return r.rewrite(f, nil)
}

// setAside writes a part to its side file, unless it is all zeros.
func (r *repairer) setAside(f *FileRepair, c *Cut) error {
	from, err := r.fs.Open(r.path(f.File))
	if err != nil {
		return err
	}
	defer from.Close()
	part := io.NewSectionReader(from, c.Offset, c.Length)
	if empty, err := allZeros(part); err != nil || empty {
		c.Side = ""
		return err
	}
	if err := r.owned(); err != nil {
		return err
	}
	to, err := r.fs.Create(r.path(c.Side))
	if err != nil {
		return err
	}
	_, err = copyTo(to, 0, io.NewSectionReader(from, c.Offset, c.Length))
	return finish(to, err)
}

func allZeros(from io.Reader) (bool, error) {
	b := make([]byte, copyBuffer)
	zeros := make([]byte, copyBuffer)
	for {
		n, err := from.Read(b)
		if !bytes.Equal(b[:n], zeros[:n]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

const copyBuffer = 1 << 20

// copyTo writes what from has at offset, and returns where that ends.
func copyTo(to vfs.File, offset int64, from io.Reader) (end int64, err error) {
	b := make([]byte, copyBuffer)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if _, err := to.WriteAt(b[:n], offset); err != nil {
				return offset, err
			}
			offset += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return offset, nil
		}
		if err != nil {
			return offset, err
		}
	}
}

// finish syncs and closes a file that was written.
func finish(f vfs.File, err error) error {
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// rewrite replaces a file by a copy of its valid batches without the records
// that are cut, and with what is added.
func (r *repairer) rewrite(f *FileRepair, added []byte) error {
	name := r.path("db-" + fmt.Sprint(f.file.Number) + "-repair.spare")
	to, err := r.fs.Create(name)
	if err != nil {
		return err
	}
	c := rewriting{to: to}
	c.cut = map[int64]bool{}
	for _, cut := range f.Cuts {
		if cut.record {
			c.cut[cut.Offset] = true
		}
	}
	_, err = journal.ReadBatches(r.fs, r.plan.Directory, f.file, c.batch, func(journal.Damage) {})
	if err == nil {
		err = c.end(r.mark(f.file, c.at, len(f.Cuts) > 0 || added == nil, added))
	}
	if err = finish(to, err); err == nil {
		err = r.owned()
	}
	if err == nil {
		err = r.fs.Rename(name, r.path(f.File))
	}
	if err != nil {
		return errors.Join(err, r.fs.Remove(name))
	}
	return r.fs.SyncDir(r.plan.Directory)
}

// mark makes the last batch of a file: that it was rewritten, and what is
// added. A file that was sealed may have no room for it.
func (r *repairer) mark(f journal.File, at int64, shortened bool, added []byte) []byte {
	records := slices.Clone(added)
	if shortened {
		records = journal.AppendRewritten(records)
	}
	if len(records) == 0 {
		return nil
	}
	batch := journal.AppendBatch(nil, records)
	if !f.Newest && at+int64(len(batch)) > f.Limit {
		r.told = append(r.told, f.Number)
		return nil
	}
	return batch
}

// rewriting is the copy of a file that is being made.
type rewriting struct {
	to  vfs.File
	at  int64
	cut map[int64]bool // offsets of records that are left out
	buf []byte
}

func (c *rewriting) batch(b *journal.Batch) error {
	records := b.Payload
	if len(c.cut) > 0 {
		records = b.Without(c.cut)
	}
	switch {
	case len(records) == 0:
		return nil
	case len(records) == len(b.Payload) && !b.Checked:
		c.buf = journal.AppendUnchecked(c.buf[:0], records)
	default:
		c.buf = journal.AppendBatch(c.buf[:0], records)
	}
	_, err := c.to.WriteAt(c.buf, c.at)
	c.at += int64(len(c.buf))
	return err
}

func (c *rewriting) end(last []byte) error {
	_, err := c.to.WriteAt(append(last, journal.EndOfFile()...), c.at)
	return err
}

// accept has the newest file say which files are missing with consent.
func (r *repairer) accept() error {
	if len(r.plan.lost) == 0 && len(r.told) == 0 {
		return nil
	}
	files, err := journal.Files(r.fs, r.plan.Directory)
	if err != nil {
		return err
	}
	slices.Reverse(files)
	for _, f := range files {
		if f.Newest {
			records := journal.AppendAccepted(nil, r.plan.lost)
			if len(r.told) > 0 {
				slices.Sort(r.told)
				records = journal.AppendRewritten(records, r.told...)
			}
			return r.rewrite(&FileRepair{File: f.Name, file: f}, records)
		}
	}
	return nil
}
