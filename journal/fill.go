package journal

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/journal/vfs"
)

// dataFile is a file being written. Beyond what has been written it has space
// that reads as zeros. Where zeros have been written too, a sync of the next
// batches has no metadata to write.
type dataFile struct {
	handle vfs.File // the committer's
	// syncer is the allocator's for syncs: an open file reports that a write
	// was lost to one sync alone.
	syncer vfs.File
	path   string
	number uint32
	pos    int64 // of the next batch; the committer's
	begun  int64 // where the head ends; the committer's
	mark   mark  // of its batches; the committer's

	ahead atomic.Int64 // zeros are wanted up to here

	mu       sync.Mutex
	changed  sync.Cond
	reserved int64 // mu; has space up to here
	filled   int64 // mu; written up to here
	filling  bool  // mu; zeros are being written from filled on
	busy     bool  // mu; the allocator syncs, or reserves space
	retired  bool  // mu; closed
}

func newDataFile(fs vfs.FS, path string) (*dataFile, error) {
	f := &dataFile{path: path}
	f.changed.L = &f.mu
	var err error
	if f.handle, err = fs.Create(path); err != nil {
		return nil, err
	}
	if f.syncer, err = fs.Open(path); err != nil {
		_ = f.handle.Close()
		return nil, err
	}
	return f, nil
}

// close waits for the allocator to let go.
func (f *dataFile) close() error {
	f.mu.Lock()
	f.retired = true
	for f.filling || f.busy {
		f.changed.Wait()
	}
	f.mu.Unlock()
	_ = f.syncer.Close() // it has written nothing
	return f.handle.Close()
}

// claim is called before the committer writes up to end: nobody else writes
// there any more.
func (f *dataFile) claim(end int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.filling && end > f.filled {
		f.changed.Wait()
	}
	f.filled = max(f.filled, end)
	f.reserved = max(f.reserved, end)
}

// written is how far the file has been written.
func (f *dataFile) written() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.filled
}

// reserve gets space up to length, or as much as there is; zeros are written
// only where space cannot be had without: on a network file system they would
// find out by a sync, which is then a failed one.
func (f *dataFile) reserve(length int64, stopped func() bool) error {
	err := f.reserveTo(length)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return f.fill(length, stopped)
	case isNoSpace(err):
		return f.reservePieces(length, stopped)
	}
	return err
}

func (f *dataFile) reserveTo(length int64) error {
	f.mu.Lock()
	if f.retired || f.reserved >= length {
		f.mu.Unlock()
		return nil
	}
	f.busy = true
	f.mu.Unlock()
	err := f.handle.Reserve(length)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = false
	if err == nil {
		f.reserved = max(f.reserved, length)
	}
	f.changed.Broadcast()
	return err
}

// reservePieces gets what space there is below length, in ever smaller pieces.
func (f *dataFile) reservePieces(length int64, stopped func() bool) error {
	for chunk := int64(fillChunk); !stopped(); {
		f.mu.Lock()
		to := min(length, f.reserved+chunk)
		f.mu.Unlock()
		err := f.reserveTo(to)
		switch {
		case err == nil && to == length:
			return nil
		case err == nil:
			continue
		case !isNoSpace(err) || chunk <= leastFill:
			return err
		}
		chunk /= 2
	}
	return nil
}

// has reports whether there is space up to end.
func (f *dataFile) has(end int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reserved >= end
}

// fill writes zeros up to length, and syncs them.
func (f *dataFile) fill(length int64, stopped func() bool) error {
	for !stopped() {
		more, err := f.fillChunk(length)
		if err != nil || !more {
			return err
		}
		if err := f.sync(); err != nil {
			return err
		}
	}
	return nil
}

var zeros [fillChunk]byte

// fillChunk fills a piece; where there is little space, a small one.
func (f *dataFile) fillChunk(length int64) (more bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.retired || f.filled >= length {
		return false, nil
	}
	f.filling = true
	defer func() {
		f.filling = false
		f.changed.Broadcast()
	}()
	from := max(f.filled, eofSize)
	for chunk := int64(fillChunk); ; chunk /= 2 {
		to := min(length, f.filled+chunk)
		if to > from {
			f.mu.Unlock()
			_, err = f.handle.WriteAt(zeros[:to-from], from)
			f.mu.Lock()
		}
		if err == nil {
			f.filled = max(f.filled, to)
			f.reserved = max(f.reserved, to)
			return true, nil
		}
		if !isNoSpace(err) || chunk <= leastFill {
			return false, err
		}
	}
}

// sync makes durable what the allocator has written, unless the file has been
// closed.
func (f *dataFile) sync() error {
	f.mu.Lock()
	if f.retired {
		f.mu.Unlock()
		return nil
	}
	f.busy = true
	f.mu.Unlock()
	err := f.syncer.Sync()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = false
	f.changed.Broadcast()
	if err != nil {
		return fmt.Errorf("%w: new file: %w", errSync, err)
	}
	return nil
}
