package lock

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// tryOnce takes the lock of the file at the path without waiting; nil without
// an error says that another has it.
func (f *FileLocker) tryOnce() (*descriptor, error) {
	for range 8 { // a bound against a file that is replaced all the time
		d, err := openLock(f.options.Directory)
		if err != nil {
			return nil, err
		}
		ok, err := d.tryBoth()
		if ok {
			if ok, err = d.inPlace(); ok {
				return d, nil
			}
			if err == nil {
				d.close()
				continue
			}
		} else if err == nil {
			f.note(&f.kept)
		}
		return nil, errors.Join(err, d.close())
	}
	return nil, errors.New("lock file " + f.path + " is replaced again and again")
}

// poll tries once in every sleep interval, a little less or more so that
// slaves which started together do not try together. Errors that a storage
// may recover from do not end the wait.
func (f *FileLocker) poll(ctx context.Context) (*descriptor, error) {
	interval := f.options.LockAcquireSleepInterval
	var streak failures
	for {
		jitter := time.Duration(rand.Int64N(int64(interval)/8 + 1))
		pause := time.NewTimer(interval - interval/16 + jitter)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil, ctx.Err()
		case <-pause.C:
		}
		d, err := f.tryOnce()
		if d != nil || final(err) {
			return d, err
		}
		if streak.add(err != nil) {
			f.options.Log.Warn("cannot try the lock, will try again", "lock", f.path, "error", err)
		}
	}
}

// wait is one goroutine that waits in the kernel.
type wait struct {
	done chan struct{} // closed when it has won or failed
	// Written before done is closed. won is then owned by whoever receives
	// from done, if the caller had not gone.
	won *descriptor
	err error

	abandoned bool  // guarded by FileLocker.mu; the caller has gone
	file      inode // guarded by FileLocker.mu; what it waits for
}

// waitInKernel joins the wait that an earlier caller left, or begins one, and
// leaves it behind when ctx ends. Once in a sleep interval it looks whether
// the file waited for is still the one at the path, lest a frozen holder of a
// file that was deleted keeps it waiting for ever.
func (f *FileLocker) waitInKernel(ctx context.Context) (*descriptor, error) {
	look := time.NewTicker(f.options.LockAcquireSleepInterval)
	defer look.Stop()
	w := f.joinWait()
	for {
		select {
		case <-w.done:
			return w.won, w.err
		case <-ctx.Done():
			f.leaveWait(w, true)
			return nil, ctx.Err()
		case <-look.C:
			if f.outdated(w) {
				f.leaveWait(w, false)
				w = f.joinWait()
			}
		}
	}
}

func (f *FileLocker) joinWait() *wait {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.left; w != nil {
		f.left, w.abandoned = nil, false
		return w
	}
	w := &wait{done: make(chan struct{})}
	go f.runWait(w)
	return w
}

// leaveWait abandons a wait, for the next caller to join if that makes sense.
func (f *FileLocker) leaveWait(w *wait, joinable bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-w.done: // in the same moment
		if w.won != nil {
			w.won.close()
		}
		return
	default:
	}
	w.abandoned = true
	if joinable && f.left == nil {
		f.left = w
	}
}

// outdated reports that another file is at the path than the one waited for.
func (f *FileLocker) outdated(w *wait) bool {
	id, err := inodeAt(f.path)
	f.mu.Lock()
	defer f.mu.Unlock()
	return err == nil && w.file != inode{} && id != w.file
}

// runWait waits until it has the lock of the file at the path. A file that was
// replaced meanwhile is let go and the new one waited for.
func (f *FileLocker) runWait(w *wait) {
	for {
		d, placed, err := f.waitOnce(w)
		if !placed && d != nil {
			d.close()
			d = nil
		}
		if f.endWait(w, d, err) {
			return
		}
	}
}

// waitOnce waits for the lock of the file that is at the path now, and then
// reports whether it still is.
func (f *FileLocker) waitOnce(w *wait) (d *descriptor, placed bool, err error) {
	if d, err = openLock(f.options.Directory); err != nil {
		return nil, false, err
	}
	f.mu.Lock()
	w.file = d.id
	f.mu.Unlock()
	if err = d.waitBoth(); err != nil {
		return d, false, err
	}
	placed, err = d.inPlace()
	return d, placed, err
}

// endWait hands over what was won, if there still is a caller, and reports
// whether the wait is over.
func (f *FileLocker) endWait(w *wait, won *descriptor, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case w.abandoned:
		if won != nil {
			won.close()
		}
		if f.left == w {
			f.left = nil
		}
	case won == nil && err == nil:
		return false
	default:
		w.won, w.err = won, err
	}
	close(w.done)
	return true
}
