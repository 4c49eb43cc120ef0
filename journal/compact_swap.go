package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// errHeld: files stay as they are while a backup is made.
var errHeld = errors.New("files are held for a backup")

// settleRewritten puts the copy in the file's place, unless everything was
// needed, or nothing: then there is only something to learn from it.
func (j *Journal) settleRewritten(r *rewriting, live int64) error {
	s, c := r.sieve, j.compactor
	if s.kept == 0 {
		j.abandon(r)
		j.indexMu.Lock()
		defer j.indexMu.Unlock()
		j.index.learnEnds(s)
		c.residue[r.number] = residue{r.length - live, s.blocked}
		return nil
	}
	if err := r.copy.finish(); err != nil {
		return err
	}
	length := r.copy.end
	c.written.Add(length)
	if s.dropped == 0 || length+eofSize >= r.length {
		j.abandon(r)
		c.residue[r.number] = residue{r.length - live, s.blocked}
		if s.dropped == 0 {
			j.indexMu.Lock()
			defer j.indexMu.Unlock()
			j.index.learn(s)
		}
		return nil
	}
	if err := j.barrier(); err != nil {
		return err
	}
	if err := j.swap(r); err != nil {
		return err
	}
	c.files.Add(1)
	c.freed.Add(r.length - length)
	c.residue[r.number] = residue{length - live, s.blocked}
	j.appendRecords(appendTrace(nil, replacedText(r.number)))
	return nil
}

// swap gives the copy the file's name, durably, and has the index point into
// it. Until then the old file is held open, so that nobody reads the new one
// at places of the old one. A snapshot that is being written has what the index
// said before, and comes first.
func (j *Journal) swap(r *rewriting) error {
	j.snapshotting.Lock()
	defer j.snapshotting.Unlock()
	j.collectMu.Lock()
	defer j.collectMu.Unlock()
	if j.held() {
		return errHeld
	}
	old, err := j.segments.acquire(r.number)
	if err != nil {
		return err // it has been deleted
	}
	defer j.segments.release(old)
	handle, err := j.o.FS.Open(r.copy.path)
	if err != nil {
		return err
	}
	// The second name is of the old file, whose removals may be all that keeps
	// it from bringing messages back.
	held := j.holds.has(r.number)
	if held {
		err = j.dropHold(r.number)
	}
	if err == nil {
		err = j.rename(r)
	}
	if err != nil {
		_ = handle.Close()
		return err
	}
	if held {
		j.holds.take([]uint32{r.number})
	}
	j.exchange(r, handle)
	return nil
}

// dropHold takes a file's second name away, durably.
func (j *Journal) dropHold(n uint32) error {
	if err := j.owned(); err != nil {
		return err
	}
	if err := j.holds.drop(n); err != nil {
		return err
	}
	return j.o.FS.SyncDir(j.o.Directory)
}

// rename is for who owns the directory. A copy that is not there was removed
// by another master, or by somebody; nothing has changed then. Otherwise it is
// not known whether the file has its name, which ends the journal.
func (j *Journal) rename(r *rewriting) error {
	if err := j.failureOf(); err != nil {
		return err
	}
	if err := j.owned(); err != nil {
		return err
	}
	err := j.o.FS.Rename(r.copy.path, j.segments.path(r.number))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: its copy has been removed: %w", errUnfit, err)
	}
	if err == nil {
		err = j.o.FS.SyncDir(j.o.Directory)
		if err != nil {
			err = fmt.Errorf("%w: directory: %w", errSync, err)
		}
	}
	if err != nil {
		err = fmt.Errorf("replace %s: %w", fileName(r.number), err)
		j.fail(err)
	}
	return err
}

// exchange has the index and the readers use the new file.
func (j *Journal) exchange(r *rewriting, handle vfs.File) {
	j.indexMu.Lock()
	defer j.indexMu.Unlock()
	j.moved.Add(1)
	j.segments.replace(r.number, handle, r.copy.end)
	j.index.relocate(r.sieve)
	j.index.learn(r.sieve)
}

// relocate gives the records of a rewritten file their new places.
func (x *index) relocate(s *sieve) {
	for _, m := range s.moves {
		if !x.slab.has(m.h) {
			continue
		}
		if e := x.slab.get(m.h); e.file == s.file && e.offset == m.old {
			x.slab.edit(m.h).offset = m.new
		}
	}
	for _, t := range x.prepared {
		for i := range t.ops {
			if at := &t.ops[i].at; at.file == s.file {
				at.offset = s.offsets[at.offset]
			}
		}
	}
	for offset, op := range s.prepared { // committed meanwhile
		if op.action != store.Add {
			continue
		}
		if h := s.find(op.destination, op.id); h != 0 {
			if e := x.slab.get(h); e.file == s.file && e.offset == offset {
				x.slab.edit(h).offset = s.offsets[offset]
			}
		}
	}
}

// learn notes what is in a file that has gone through the sieve, and nothing
// else.
func (x *index) learn(s *sieve) {
	x.learnEnds(s)
	x.learnExposures(s)
	f := x.file(s.file)
	if f.late {
		return
	}
	f.cleaned, f.open, f.buried = s.current, s.openKept, s.deaths
	if s.impure {
		return
	}
	// Nothing that ended before is in it any more.
	for n, g := range x.files {
		if n < s.current || !s.sundry && f.isClean() {
			g.ends = g.ends.without(s.file)
		}
	}
}

// learnExposures notes which records of exposures a file keeps: none that had
// ended before.
func (x *index) learnExposures(s *sieve) {
	x.unrecord(s.file, s.exposed)
	for n, g := range x.files {
		if n < s.current || len(s.exposed) == 0 {
			g.conceals = g.conceals.without(s.file)
		}
	}
}

// learnEnds notes what the records that a file keeps may end. What it drops
// ended nothing that is still there.
func (x *index) learnEnds(s *sieve) {
	if !s.removals || !s.acks || s.vague {
		return
	}
	f := x.file(s.file)
	f.ends = f.ends[:0]
	for n := range s.targets {
		if n != s.file {
			f.ends = append(f.ends, n)
		}
	}
	slices.Sort(f.ends)
}
