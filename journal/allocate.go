package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/store"
)

const (
	// fillChunk is how much of a file is filled with zeros at a time.
	fillChunk = 1 << 20
	// fillAhead is how far ahead of the committer zeros are written.
	fillAhead = 8 << 20
	// leastFill is the smallest piece, on a full disk.
	leastFill = 4 << 10
	// reserveLength is the size of the reserve file.
	reserveLength = 2 * firstFill
	// spaceRetry is how often a full disk is tried again.
	spaceRetry = 500 * time.Millisecond
	// leaseRetry is how often a lease that is not valid is asked again.
	leaseRetry = 100 * time.Millisecond
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
	return lacksSpace(err)
}

// lacksSpace is isNoSpace for a file that holds nothing yet and is thrown away
// if it fails: a network file system may tell by the sync that there was no
// space for a write.
func lacksSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// allocator makes files ahead of need. Its goroutine keeps one spare file
// ready: while it cannot, the disk is full, and what room the current file has
// is kept for removals. While batches are small it also fills the files with
// zeros, ahead of the committer; large ones are worth the metadata that their
// sync has to write.
type allocator struct {
	o      *Options
	epoch  uint64
	fatal  func(error)
	onFull func() // called whenever the disk is found full
	onRoom func() // called when it has room again

	small atomic.Bool // batches are small
	roomy atomic.Bool // a spare file is ready

	wake chan struct{} // capacity 1
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	changed sync.Cond
	spare   *dataFile // mu
	current *dataFile // mu
	full    bool      // mu
	stopped bool      // mu
	made    int       // mu; files made
	reserve bool      // mu; the reserve file is there
}

func newAllocator(o *Options, epoch uint64) *allocator {
	a := &allocator{o: o, epoch: epoch,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	a.changed.L = &a.mu
	a.small.Store(true)
	return a
}

func (a *allocator) start(current *dataFile) {
	a.current = current
	current.ahead.Store(fillAhead)
	go a.run()
}

// follow tells the allocator of a batch: where the current file goes on, and
// whether batches are small.
func (a *allocator) follow(f *dataFile, small bool) {
	a.small.Store(small)
	if !small || f.ahead.Load() >= a.o.MaxFileLength || f.ahead.Load() >= f.pos+fillAhead/2 {
		return
	}
	f.ahead.Store(f.pos + fillAhead)
	a.nudge()
}

// use makes f the file that is filled ahead of the committer.
func (a *allocator) use(f *dataFile) {
	a.mu.Lock()
	a.current = f
	a.mu.Unlock()
	a.nudge()
}

func (a *allocator) run() {
	defer close(a.done)
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		if !a.owned() {
			retry.Reset(leaseRetry)
		} else if err := a.work(); err != nil {
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

// work gives the current file its space, fills it ahead of the committer, and
// makes the spare.
func (a *allocator) work() error {
	a.mu.Lock()
	current, spare := a.current, a.spare
	a.mu.Unlock()
	if a.o.NoPreallocation {
		return a.makeSpare(spare, current)
	}
	if err := current.reserve(a.o.MaxFileLength, a.isStopped); err != nil {
		return err
	}
	if err := a.fillAhead(current); err != nil {
		return err
	}
	if err := a.makeSpare(spare, current); err != nil {
		return err
	}
	if err := a.keepReserve(); err != nil || spare == nil {
		return err
	}
	err := a.fillSpare(spare, current)
	if lacksSpace(err) && a.withdraw(spare) {
		err = unusedFile(err)
	}
	return err
}

// withdraw throws the spare file away, unless it has been taken.
func (a *allocator) withdraw(spare *dataFile) bool {
	a.mu.Lock()
	unused := a.spare == spare
	if unused {
		a.spare = nil
	}
	a.mu.Unlock()
	if unused {
		a.discard(spare)
	}
	return unused
}

// fillSpare fills the spare file when it will soon be needed, unless the
// current file wants more first.
func (a *allocator) fillSpare(spare, current *dataFile) error {
	return spare.fill(a.o.MaxFileLength, func() bool {
		ahead := current.ahead.Load()
		return a.isStopped() || !a.small.Load() || ahead < a.o.MaxFileLength/2 ||
			current.written() < min(ahead, a.o.MaxFileLength)
	})
}

// fillAhead fills the current file as far as the committer wants it, as long
// as batches are small.
func (a *allocator) fillAhead(f *dataFile) error {
	for !a.isStopped() && a.small.Load() {
		want := min(f.ahead.Load(), a.o.MaxFileLength)
		if f.written() >= want {
			return nil
		}
		more, err := f.fillChunk(want)
		if err == nil && more {
			err = f.sync()
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// makeSpare makes the spare file if there is none.
func (a *allocator) makeSpare(spare, current *dataFile) error {
	if spare != nil || a.isStopped() {
		return nil
	}
	spare, err := a.create(a.o.MaxFileLength)
	if err == nil && !a.o.NoPreallocation {
		if err = a.fillSpare(spare, current); err != nil {
			a.discard(spare)
			err = unusedFile(err)
		}
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.spare = spare
	a.roomy.Store(!a.full)
	a.changed.Broadcast()
	a.mu.Unlock()
	return nil
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
	return f.close()
}

// create makes a file outside the journal, with space up to length, durably.
func (a *allocator) create(length int64) (*dataFile, error) {
	f, err := a.prepare(length)
	if err != nil {
		return nil, err
	}
	if err := f.sync(); err != nil {
		a.discard(f)
		return nil, unusedFile(err)
	}
	return f, nil
}

// unusedFile makes an error of a file that was thrown away: that its sync has
// failed for lack of space is no more than lack of space.
func unusedFile(err error) error {
	if lacksSpace(err) {
		return fmt.Errorf("new journal file: %w", syscall.ENOSPC)
	}
	return err
}

// prepare is create for a file that the caller will sync.
func (a *allocator) prepare(length int64) (*dataFile, error) {
	a.mu.Lock()
	a.made++
	name := fmt.Sprintf("db-%d-%d%s", a.epoch, a.made, spareSuffix)
	a.mu.Unlock()
	f, err := newDataFile(a.o.FS, filepath.Join(a.o.Directory, name))
	if err != nil {
		return nil, err
	}
	// Space first: where it is just enough, the block that a write is given later
	// would count against it (ext4).
	if !a.o.NoPreallocation {
		err = f.reserve(length, a.isStopped)
	}
	if err == nil {
		_, err = f.handle.WriteAt(eofRecord, 0)
	}
	if err != nil {
		a.discard(f)
		return nil, unusedFile(err)
	}
	return f, nil
}

func (a *allocator) discard(f *dataFile) {
	_ = f.close()
	_ = a.o.FS.Remove(f.path)
}

// createSmall makes a file on a full disk, with space up to length as far as
// there is any.
func (a *allocator) createSmall(length int64) (*dataFile, error) {
	f, err := a.create(0)
	if err != nil || a.o.NoPreallocation {
		return f, err
	}
	if err := f.reserve(min(a.o.MaxFileLength, length), a.isStopped); err != nil && !isNoSpace(err) {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (a *allocator) setFull(full bool) {
	a.mu.Lock()
	was := a.full
	a.full = full
	a.roomy.Store(!full && a.spare != nil)
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

// refused is called when a write found no space. The disk counts as full until
// it is tried again.
func (a *allocator) refused() {
	a.setFull(true)
	time.AfterFunc(spaceRetry, a.nudge)
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

// isStopped reports that nothing more is to be written, because the journal
// closes or its lease is not valid now.
func (a *allocator) isStopped() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopped || !a.owned()
}

func (a *allocator) owned() bool { return a.o.Lease == nil || a.o.Lease.Valid() }

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
	a.spare = nil
	a.roomy.Store(false)
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
	_ = a.spare.close()
	if clean {
		_ = a.o.FS.Remove(a.spare.path)
	}
	a.spare = nil
}
