package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

const (
	// fillChunk is how much of a file is filled with zeros at a time.
	fillChunk = 1 << 20
	// leastFill is the smallest piece, on a full disk.
	leastFill = 4 << 10
	// reserveLength is the size of the reserve file.
	reserveLength = 2 * firstFill
	// spaceRetry is how often a full disk is tried again.
	spaceRetry = 500 * time.Millisecond
	// spareSuffix ends the names of files that are not part of the journal
	// yet. ActiveMQ does not look at them.
	spareSuffix = ".spare"
)

// isNoSpace reports a full disk or an exhausted quota. A failed sync is final,
// not even lack of space excuses it.
func isNoSpace(err error) bool {
	if errors.Is(err, errSync) {
		return false
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// dataFile is a file being written. Its first filled bytes have been written
// before, so that a sync has no metadata to write.
type dataFile struct {
	handle vfs.File
	path   string
	number uint32
	pos    int64 // of the next batch; the committer's

	mu      sync.Mutex
	filled  int64 // mu
	claimed bool  // mu; the committer writes beyond filled, nobody else may
}

// allocator makes files ahead of need. Its goroutine fills the current file
// with zeros and keeps one spare file ready: while it cannot, the disk is
// full, and what room the current file has is kept for removals.
type allocator struct {
	o      *Options
	epoch  uint64
	fatal  func(error)
	onFull func() // called whenever the disk is found full
	onRoom func() // called when it has room again

	wake chan struct{} // capacity 1
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	changed sync.Cond
	spare   *dataFile // mu
	current *dataFile // mu; to be filled, or nil
	full    bool      // mu
	stopped bool      // mu
	made    int       // mu; files made
	reserve bool      // mu; the reserve file is there
}

func newAllocator(o *Options, epoch uint64) *allocator {
	a := &allocator{o: o, epoch: epoch,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	a.changed.L = &a.mu
	return a
}

func (a *allocator) start(current *dataFile) {
	a.current = current
	go a.run()
}

func (a *allocator) run() {
	defer close(a.done)
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		if err := a.work(); err != nil {
			if !isNoSpace(err) {
				a.fatal(fmt.Errorf("preallocate journal file: %w", err))
				return
			}
			a.setFull(true)
			retry.Reset(spaceRetry)
		} else if !a.isStopped() {
			a.setFull(false)
		}
		select {
		case <-a.wake:
		case <-retry.C:
		case <-a.stop:
			return
		}
	}
}

// work fills the current file and makes the spare.
func (a *allocator) work() error {
	a.mu.Lock()
	current, wanted := a.current, a.spare == nil && !a.stopped
	a.mu.Unlock()
	if current != nil {
		if err := a.fill(current, a.o.MaxFileLength); err != nil {
			return err
		}
	}
	if wanted {
		spare, err := a.create(a.o.MaxFileLength)
		if err != nil {
			return err
		}
		a.mu.Lock()
		a.spare = spare
		a.changed.Broadcast()
		a.mu.Unlock()
	}
	return a.keepReserve()
}

// keepReserve leaves a file that nobody reads. The next take-over deletes it,
// and so finds room to begin a file on a disk that is full.
func (a *allocator) keepReserve() error {
	a.mu.Lock()
	wanted := !a.reserve && !a.stopped && !a.o.NoPreallocation
	a.mu.Unlock()
	if !wanted {
		return nil
	}
	f, err := a.create(min(a.o.MaxFileLength, reserveLength))
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.reserve = true
	a.mu.Unlock()
	return f.handle.Close()
}

// create makes a file outside the journal, filled up to length and durable.
func (a *allocator) create(length int64) (*dataFile, error) {
	a.mu.Lock()
	a.made++
	name := fmt.Sprintf("db-%d-%d%s", a.epoch, a.made, spareSuffix)
	a.mu.Unlock()
	f := &dataFile{path: filepath.Join(a.o.Directory, name)}
	var err error
	if f.handle, err = a.o.FS.Create(f.path); err != nil {
		return nil, err
	}
	if _, err = f.handle.WriteAt(eofRecord, 0); err == nil {
		err = a.fill(f, length)
	}
	if err == nil {
		err = syncNew(f.handle)
	}
	if err != nil {
		_ = f.handle.Close()
		_ = a.o.FS.Remove(f.path)
		return nil, err
	}
	return f, nil
}

// createSmall makes a file on a full disk, filled up to length as far as there
// is space.
func (a *allocator) createSmall(length int64) (*dataFile, error) {
	f, err := a.create(0)
	if err != nil {
		return nil, err
	}
	if err := a.fill(f, min(a.o.MaxFileLength, length)); err != nil && !isNoSpace(err) {
		return nil, errors.Join(err, f.handle.Close())
	}
	return f, nil
}

var zeros [fillChunk]byte

// fill writes zeros up to length, unless the committer claims the file.
func (a *allocator) fill(f *dataFile, length int64) error {
	if a.o.NoPreallocation {
		return nil
	}
	for !a.isStopped() {
		more, err := f.fillChunk(length)
		if err != nil || !more {
			return err
		}
		if err := syncNew(f.handle); err != nil {
			return err
		}
	}
	return nil
}

func syncNew(handle vfs.File) error {
	if err := handle.Sync(); err != nil {
		return fmt.Errorf("%w: new file: %w", errSync, err)
	}
	return nil
}

// fillChunk fills a piece; where there is little space, a small one.
func (f *dataFile) fillChunk(length int64) (more bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.claimed || f.filled >= length {
		return false, nil
	}
	for chunk := int64(fillChunk); ; chunk /= 2 {
		from := max(f.filled, eofSize)
		to := min(length, f.filled+chunk)
		if to > from {
			_, err = f.handle.WriteAt(zeros[:to-from], from)
		}
		if err == nil {
			f.filled = to
			return true, nil
		}
		if !isNoSpace(err) || chunk <= leastFill {
			return false, err
		}
	}
}

// claim makes sure that nobody else writes below end.
func (f *dataFile) claim(end int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if end > f.filled {
		f.claimed = true
	}
}

func (a *allocator) setFull(full bool) {
	a.mu.Lock()
	was := a.full
	a.full = full
	a.changed.Broadcast()
	a.mu.Unlock()
	if full && !was {
		a.o.Log.Error("no space left for the journal; new messages are refused until there is", "directory", a.o.Directory)
	}
	if full {
		a.onFull()
	}
	if was && !full {
		a.o.Log.Info("there is space for the journal again", "directory", a.o.Directory)
		a.onRoom()
	}
}

// settle waits until it is known whether there is a spare file, and reports
// whether the disk is full.
func (a *allocator) settle() (full bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.spare == nil && !a.full && !a.stopped {
		a.nudge()
		a.changed.Wait()
	}
	return a.full
}

// isFull reports whether new messages have to be refused.
func (a *allocator) isFull() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.full
}

func (a *allocator) isStopped() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopped
}

// nudge has the disk tried again now.
func (a *allocator) nudge() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// take waits for the spare file and makes it the current one.
func (a *allocator) take() (*dataFile, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.spare == nil {
		if a.stopped {
			return nil, store.ErrClosed
		}
		if a.full {
			return nil, store.ErrNoSpace
		}
		a.nudge()
		a.changed.Wait()
	}
	f := a.spare
	a.spare, a.current = nil, nil
	a.nudge()
	return f, nil
}

// giveBack returns a spare that was not used after all.
func (a *allocator) giveBack(f *dataFile) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spare = f
}

// interrupt ends waiting, because the journal has failed or closes.
func (a *allocator) interrupt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.stopped {
		a.stopped = true
		close(a.stop)
		a.changed.Broadcast()
	}
}

// close ends the goroutine and, if clean, deletes the spare file.
func (a *allocator) close(clean bool) {
	a.interrupt()
	<-a.done
	if a.spare == nil {
		return
	}
	_ = a.spare.handle.Close()
	if clean {
		_ = a.o.FS.Remove(a.spare.path)
	}
	a.spare = nil
}
