package journal

import (
	"crypto/rand"
	"fmt"
	"io"
	"path/filepath"

	"github.com/conclavemq/conclave/journal/vfs"
)

// inherited is the newest file of an earlier master, made safe from writers
// that still have it open: its valid bytes are copied to a new file that takes
// its name.
type inherited struct {
	sealed chan struct{} // closed when end is known
	done   chan struct{} // closed when the copy has taken the name
	end    int64         // after the last valid batch; before sealed
	tail   *Damage       // before sealed
	mark   mark          // what a follower has read of it
	marked bool          // the file holds that still; before sealed
	err    error         // before done
}

// inherit begins to take over the newest file. What earlier masters had
// allocated has made room for the copy, if the disk is full.
func inherit(o *Options, inv *inventory, m mark, owned func() error) *inherited {
	in := &inherited{mark: m, marked: m == mark{}, sealed: make(chan struct{}), done: make(chan struct{})}
	f := inv.files[len(inv.files)-1]
	go func() {
		defer close(in.done)
		handle, err := o.FS.Open(filepath.Join(o.Directory, fileName(f.number)))
		if err != nil {
			in.err = fmt.Errorf("open journal file: %w", err)
			close(in.sealed)
			return
		}
		defer handle.Close()
		err = in.find(handle, f)
		close(in.sealed)
		if err == nil {
			err = owned()
		}
		if err == nil && in.end > 0 {
			err = in.copy(o, handle, f, owned)
		}
		if isNoSpace(err) {
			o.Log.Warn("no space to copy the newest journal file; it is kept without its empty end", "file", fileName(f.number))
			err = in.trim(o, f, owned)
		}
		in.err = err
	}()
	return in
}

// find looks for the end of the last valid batch.
func (in *inherited) find(handle vfs.File, f diskFile) (err error) {
	s := &scanner{file: handle, length: f.limit}
	s.damage = func(offset, length int64, reason string) {
		if offset+length >= s.length {
			in.tail = &Damage{File: fileName(f.number), Offset: offset, Length: length, Tail: true, Reason: reason}
		}
	}
	var read mark
	in.end, err = s.scan(func(offset int64, payload []byte) error {
		read.note(offset, payload, s.sum)
		in.marked = in.marked || read == in.mark
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", fileName(f.number), err)
	}
	return nil
}

// copyMark is how many random letters a copy's name has: another master, which
// was deposed while it copied, must not have the same file open.
const copyMark = 10

// copy copies the file that was read, whatever has that name by now.
func (in *inherited) copy(o *Options, from vfs.File, f diskFile, owned func() error) error {
	name := filepath.Join(o.Directory, fileName(f.number))
	copied := filepath.Join(o.Directory, fmt.Sprintf("db-%d-copy-%s%s", f.number, rand.Text()[:copyMark], spareSuffix))
	to, err := o.FS.Create(copied)
	if err != nil {
		return fmt.Errorf("copy journal file: %w", err)
	}
	err = copyBytes(to, from, in.end)
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = owned()
	}
	if err == nil {
		err = o.FS.Rename(copied, name)
	}
	if err == nil {
		err = o.FS.SyncDir(o.Directory)
	}
	if err != nil {
		_ = o.FS.Remove(copied)
		return fmt.Errorf("copy journal file: %w", err)
	}
	return nil
}

// trim gives back what a file has beyond its batches: on a full disk, the room
// that was kept for removals. Whoever still has the file open may lengthen it
// again; the next file's head says where it ends.
func (in *inherited) trim(o *Options, f diskFile, owned func() error) error {
	name := filepath.Join(o.Directory, fileName(f.number))
	size, err := o.FS.Size(name)
	if err == nil {
		err = owned()
	}
	if err == nil && size > in.end+eofSize {
		err = o.FS.Truncate(name, in.end+eofSize)
	}
	if err != nil {
		return fmt.Errorf("cut journal file: %w", err)
	}
	return nil
}

// copyBytes copies the first n bytes, ends them with an end-of-file record,
// and syncs.
func copyBytes(to, from vfs.File, n int64) error {
	buf := make([]byte, min(n+eofSize, 4<<20))
	for offset := int64(0); offset < n; {
		b := buf[:min(int64(len(buf)), n-offset)]
		if got, err := from.ReadAt(b, offset); got < len(b) {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if _, err := to.WriteAt(b, offset); err != nil {
			return err
		}
		offset += int64(len(b))
	}
	if _, err := to.WriteAt(eofRecord, n); err != nil {
		return err
	}
	return to.Sync()
}
