package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/store"
)

// writer is what only the committer, who has the role, touches: the current
// file and the batch that is being made.
type writer struct {
	current  *dataFile
	batch    []byte // head and payload
	sum      uint32 // of the payload
	removes  bool   // the batch takes messages away
	asked    int    // units in the batch that ask for a sync
	unsynced int    // bytes written since the last sync of a batch
	perSync  int    // bytes written for a sync, averaged
	dirty    bool   // something is written and not synced
	syncDue  time.Time
	syncs    uint64 // fdatasync calls on journal files
}

// smallSync is how much has to be written for a sync to be worth its metadata.
const smallSync = 256 << 10

func (w *writer) reset() {
	if cap(w.batch) > 2*DefaultMaxWriteBatchSize {
		w.batch = nil
	}
	if cap(w.batch) < batchHead {
		w.batch = make([]byte, batchHead, 64<<10)
	}
	w.batch = w.batch[:batchHead]
	w.sum = 1 // the Adler-32 of nothing
	w.removes = false
	w.asked = 0
}

// small notes that n bytes are written, and reports whether syncs come after
// so few that metadata would be most of the work.
func (w *writer) small(n int, sync bool) bool {
	w.unsynced += n
	low := max(w.unsynced, w.perSync) <= smallSync
	if sync {
		w.perSync += (w.unsynced - w.perSync) / 16
		w.unsynced = 0
	}
	return low
}

func (w *writer) empty() bool { return len(w.batch) <= batchHead }

func (w *writer) append(records []byte, sum uint32) {
	w.batch = append(w.batch, records...)
	w.sum = combineSums(w.sum, sum, len(records))
}

// fits reports whether size more bytes of records go into the current file. A
// unit larger than a file goes into one of its own, behind the head.
func (j *Journal) fits(size int) bool {
	w := &j.writer
	return w.current.pos+int64(len(w.batch)+size+eofSize) <= j.o.MaxFileLength
}

// rotate makes the spare file the current one.
func (j *Journal) rotate() error {
	w := &j.writer
	next, err := j.allocator.take()
	if err != nil {
		return err
	}
	if w.dirty && j.o.DiskSync != Never {
		if err := j.sync(); err != nil {
			return err
		}
	}
	if err := j.admitFile(next, w.current.number+1); err != nil {
		if isNoSpace(err) {
			j.allocator.giveBack(next)
			return store.ErrNoSpace
		}
		return err
	}
	last := w.current
	w.current = next
	j.allocator.use(next)
	if err := last.close(); err != nil {
		return fmt.Errorf("close %s: %w", fileName(last.number), err)
	}
	return nil
}

// admitFile writes a file's head and gives it its name in the journal.
func (j *Journal) admitFile(f *dataFile, number uint32) error {
	records := appendTrace(nil, j.head.text())
	if j.o.DiskSync == Always { // or a deletion could outlive the record of it
		records = appendTrace(records, filesText(j.segments.listed(j.lost), j.lastEnd()))
	}
	b := j.inauguralBatches(j.appendBatch(nil, records))
	f.claim(int64(len(b) + eofSize))
	if _, err := f.handle.WriteAt(append(b, eofRecord...), 0); err != nil {
		return fmt.Errorf("begin journal file: %w", err)
	}
	if err := f.handle.Sync(); err != nil {
		return fmt.Errorf("%w: new file: %w", errSync, err)
	}
	if err := j.owned(); err != nil {
		return err
	}
	if err := j.o.FS.Claim(f.path, filepath.Join(j.o.Directory, fileName(number))); err != nil {
		return fmt.Errorf("name journal file: %w", err)
	}
	if err := j.o.FS.SyncDir(j.o.Directory); err != nil {
		return fmt.Errorf("%w: directory: %w", errSync, err)
	}
	f.number, f.pos, f.begun = number, int64(len(b)), int64(len(b))
	f.mark.noteAll(b)
	j.segments.put(number, f.pos)
	j.rotated.Store(time.Now().UnixNano())
	return nil
}

// flush writes the batch behind what the current file has, and syncs it if
// asked to.
func (j *Journal) flush(sync bool) error {
	w := &j.writer
	payload := len(w.batch) - batchHead
	if j.o.NoChecksum {
		w.sum = 0
	}
	putBatchHead(w.batch, payload, w.sum)
	f := w.current
	b := append(w.batch, eofRecord...)
	w.batch = b[:len(w.batch)]
	if !j.o.NoPreallocation && j.allocator.isFull() && !f.has(f.pos+int64(len(b))) {
		return fmt.Errorf("write %d bytes to %s: %w", len(b), fileName(f.number), syscall.ENOSPC)
	}
	if f.claim(f.pos + int64(len(b))); !j.o.NoPreallocation {
		j.allocator.follow(f, w.small(len(b), sync))
	}
	if err := j.waitForLease(); err != nil {
		return err
	}
	if _, err := f.handle.WriteAt(b, f.pos); err != nil {
		return fmt.Errorf("write %d bytes at offset %d of %s: %w", len(b), f.pos, fileName(f.number), err)
	}
	w.dirty = true
	if sync {
		if err := j.sync(); err != nil {
			return err
		}
	}
	return j.waitForLease()
}

func (j *Journal) sync() error {
	w := &j.writer
	if err := w.current.handle.Sync(); err != nil {
		return fmt.Errorf("%w: %s: %w", errSync, fileName(w.current.number), err)
	}
	w.dirty = false
	w.syncs++
	return nil
}

// leasePoll is how often a lease that is not valid is looked at again.
const leasePoll = time.Millisecond

// owned reports an error unless the lease is valid now.
func (j *Journal) owned() error {
	if j.o.Lease == nil || j.o.Lease.Valid() {
		return nil
	}
	return store.ErrLeaseLost
}

// waitForLease waits while it is not known whether this process owns the
// storage.
func (j *Journal) waitForLease() error {
	if j.o.Lease == nil {
		return nil
	}
	select {
	case <-j.o.Lease.Lost():
		return store.ErrLeaseLost
	default:
	}
	if j.o.Lease.Valid() {
		return nil
	}
	tick := time.NewTicker(leasePoll)
	defer tick.Stop()
	for {
		select {
		case <-j.o.Lease.Lost():
			return store.ErrLeaseLost
		case <-tick.C:
			if j.o.Lease.Valid() {
				return nil
			}
		}
	}
}

// finishFile ends the current file when the journal closes.
func (j *Journal) finishFile() error {
	w := &j.writer
	var err error
	if j.failureOf() == nil && w.dirty && j.o.DiskSync != Never {
		if err = j.owned(); err == nil {
			err = j.sync()
		}
	}
	return errors.Join(err, w.current.close())
}
