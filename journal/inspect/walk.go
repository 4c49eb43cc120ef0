package inspect

import (
	"bytes"
	"path/filepath"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/openwire"
)

// walk goes through a file. What it is not told to call it does not call.
type walk struct {
	fs        vfs.FS
	directory string
	file      journal.File
	codec     *openwire.Store
	batch     func(*journal.Batch)
	record    func(*journal.Batch, *journal.Record)
	damage    func(journal.Damage)
	// stop ends the walk after the record or batch for which it is set.
	stop bool
}

func newWalk(o vfs.FS, directory string, f journal.File) *walk {
	return &walk{fs: o, directory: directory, file: f, codec: openwire.NewStore(openwire.StoreVersion), damage: func(journal.Damage) {}}
}

// run returns where the last batch ends.
func (w *walk) run() (end int64, err error) {
	end, err = journal.ReadBatches(w.fs, w.directory, w.file, func(b *journal.Batch) error {
		if w.batch != nil {
			w.batch(b)
		}
		if w.record == nil {
			return w.ended()
		}
		return b.Records(func(r *journal.Record) error {
			w.record(b, r)
			return w.ended()
		})
	}, func(d journal.Damage) {
		if !w.stop {
			w.damage(d)
		}
	})
	if w.stop {
		err = nil
	}
	return end, err
}

func (w *walk) ended() error {
	if w.stop {
		return errStopped
	}
	return nil
}

// closed reports that the end-of-file record stands at end.
func (w *walk) closed(end int64) bool {
	mark := journal.EndOfFile()
	b, err := readPart(w.fs, filepath.Join(w.directory, w.file.Name), end, int64(len(mark)))
	return err == nil && bytes.Equal(b, mark)
}

// maxSalvage is how much of a damaged part is looked through, in bytes.
const maxSalvage = 64 << 20

// held recognises what a damaged part holds.
func (w *walk) held(d journal.Damage) *Held {
	h := &Held{}
	b, err := readPart(w.fs, filepath.Join(w.directory, d.File), d.Offset, d.Length)
	if err != nil {
		return h
	}
	journal.Salvage(b, d.Offset, func(r *journal.Record) {
		if r.Check(w.codec) == nil {
			h.add(r)
		}
	})
	return h
}

// readPart reads a part of a file, or the beginning of a very large one.
func readPart(o vfs.FS, name string, offset, length int64) ([]byte, error) {
	handle, err := o.Open(name)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	b := make([]byte, min(length, maxSalvage))
	n, err := handle.ReadAt(b, offset)
	if n == 0 && err != nil {
		return nil, err
	}
	return b[:n], nil
}
