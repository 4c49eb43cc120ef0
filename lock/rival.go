package lock

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// errRival reports an owner whom the lock does not keep out.
var errRival = errors.New("another broker serves in spite of the lock: the file system's locks do not exclude")

// rivalLook is how often the lock file is looked at for signs of life.
const rivalLook = 50 * time.Millisecond

// lookForRival is asked before a won lock counts, where the lock may be one
// that excludes nobody: on a network file system whose locks never kept this
// process out, though the last owner did not take its leave and may live on
// another host. That owner, if it
// lives, writes its time to the lock file at every proof; it is given its
// window to do so. errRival says that it did. Otherwise settle is how long to
// wait after taking the epoch for another who has found the same.
func (f *FileLocker) lookForRival(ctx context.Context, d *descriptor) (settle time.Duration, err error) {
	rival, kept := f.seen()
	if kept && !rival {
		return 0, nil
	}
	fileSystem, err := Detect(f.options.Directory)
	if err != nil || fileSystem.Local {
		return 0, err
	}
	last, err := readEpoch(f.options.Directory)
	if err != nil || last.Epoch == 0 || f.gone(last) {
		return f.options.KeepAlivePeriod, nil // takeOffice sees to the error
	}
	first, err := stampAt(d.path)
	if err != nil {
		return 0, err
	}
	settle = f.options.KeepAlivePeriod
	if rival {
		settle = last.window()
	}
	if first == 0 { // it took its leave
		return settle, nil
	}
	alive, err := f.signOfLife(ctx, d.path, first, last)
	if err == nil && !alive && f.gone(last) {
		return f.options.KeepAlivePeriod, nil
	}
	if !alive {
		return settle, err
	}
	if !rival {
		f.options.Log.Error("UNSAFE: the file system's locks do not exclude: another broker serves though this one got the lock; "+
			"waiting until it shows no sign of life. Mount the file system with working locks",
			"lock", f.path, "fileSystem", fileSystem.String(), "owner", last.String())
	}
	f.note(&f.rival)
	return 0, fmt.Errorf("%w: %s", errRival, last)
}

// signOfLife waits for another time in the lock file than the first, for the
// window of its owner or until that is known to be gone: a slave spends much of
// its time here, so it is here that an owner is likely to die.
func (f *FileLocker) signOfLife(ctx context.Context, path string, first uint64, owner Holder) (bool, error) {
	for began := f.options.clock(); f.options.clock()-began < owner.window() && !f.gone(owner); {
		if err := Pause(ctx, rivalLook); err != nil {
			return false, err
		}
		stamp, err := stampAt(path)
		if err != nil || stamp != first {
			return err == nil, err
		}
	}
	return false, nil
}

// gone reports that an owner is known not to live: it was a process of this
// kernel, as this one counts them, and that number is free, or this process's.
func (f *FileLocker) gone(h Holder) bool {
	if h.Kernel == "" || h.Kernel != kernel() {
		return false
	}
	return h.PID == os.Getpid() || unix.Kill(h.PID, 0) == unix.ESRCH
}

// kernel identifies this boot of this machine, and the process numbers that
// this process sees; "" if it cannot be told.
func kernel() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
}

// seen is what this process knows of the lock: that it did not keep another
// out, and that it kept this one out.
func (f *FileLocker) seen() (rival, kept bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rival, f.kept
}

// note sets one of the locker's flags.
func (f *FileLocker) note(flag *bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*flag = true
}

// stampAt reads the time in a lock file through a descriptor of its own: only
// opening a file makes a network file system look for what others wrote. An
// empty file counts as 0.
func stampAt(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read lock file: %w", err)
	}
	defer f.Close()
	var b [stampSize]byte
	if _, err := io.ReadFull(f, b[:]); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, fmt.Errorf("read lock file %s: %w", path, err)
	}
	return binary.BigEndian.Uint64(b[:]), nil
}
