package lock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// FileName is the lock file's name in the directory, the one that ActiveMQ's
// shared-file-locker uses.
const FileName = "lock"

const stampSize = 8

// descriptor is one open file description of the lock file. Both locks belong
// to it: a flock(2) lock, which keeps out other programs that use flock, and
// an open-file-description byte-range lock over the whole file, which conflicts
// with the fcntl lock that ActiveMQ takes on [0,1) or [0,8). The kernel drops
// them when the description is closed, and not, as with plain POSIX locks,
// when any other descriptor of the file is.
//
// flock is called directly and not through gofrs/flock: that package keeps its
// descriptor to itself, and both locks must be on one (on NFS they are the
// same lock, and two descriptors would exclude each other).
//
// The order is always byte range first. Nobody waits for one lock while
// holding the other, but for a moment of patience, so a waiter that is frozen
// keeps nobody out.
type descriptor struct {
	fd      int
	path    string
	id      inode
	created bool // the file did not exist before
	// What writeStamp wrote last, and what it began to write after that: a
	// write that failed may have reached the file or not.
	stamp, attempt uint64
}

// inode identifies a file on its file system.
type inode struct {
	Device uint64
	Number uint64
}

// openLock opens the lock file of a directory, creating it if it is missing.
// It neither truncates nor writes: ActiveMQ takes a changed modification time
// for the loss of its lock.
func openLock(dir string) (*descriptor, error) {
	d := &descriptor{path: filepath.Join(dir, FileName)}
	var err error
	for range 8 { // a bound against a file that comes and goes
		d.fd, err = openRetrying(d.path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.ENOENT) {
			break
		}
		d.fd, err = openRetrying(d.path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o644)
		if !errors.Is(err, unix.EEXIST) {
			d.created = err == nil
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open lock file %s: %w", d.path, err)
	}
	if d.id, err = d.fileInode(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func openRetrying(path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Open(path, flags, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// retake takes both locks once more by their holder, which changes nothing
// while they are held. False says that another has one of them.
func (d *descriptor) retake() (bool, error) {
	if ok, err := d.lockRange(unix.F_OFD_SETLK); !ok {
		return false, err
	}
	return d.flock(unix.LOCK_EX | unix.LOCK_NB)
}

// tryBoth takes both locks without waiting, or neither.
func (d *descriptor) tryBoth() (bool, error) {
	if ok, err := d.lockRange(unix.F_OFD_SETLK); !ok {
		return false, err
	}
	ok, err := d.tryFlock()
	if !ok {
		d.unlockRange()
	}
	return ok, err
}

// flockPatience is how long a process that has the byte-range lock waits for
// the flock: the kernel drops a dying holder's two locks one after the other.
const flockPatience = 20 * time.Millisecond

// tryFlock takes the flock, with a little patience.
func (d *descriptor) tryFlock() (bool, error) {
	const pause = time.Millisecond
	for tries := flockPatience / pause; ; tries-- {
		ok, err := d.flock(unix.LOCK_EX | unix.LOCK_NB)
		if ok || err != nil || tries == 0 {
			return ok, err
		}
		time.Sleep(pause)
	}
}

// waitBoth takes both locks and sleeps in the kernel until it can. A flock
// whose holder does not have the byte-range lock as well, which no broker
// does, is waited for with nothing held.
func (d *descriptor) waitBoth() error {
	for {
		if _, err := d.lockRange(unix.F_OFD_SETLKW); err != nil {
			return err
		}
		ok, err := d.tryFlock()
		if ok {
			return nil
		}
		d.unlockRange()
		if err != nil {
			return err
		}
		if _, err := d.flock(unix.LOCK_EX); err != nil {
			return err
		}
		if _, err := d.flock(unix.LOCK_UN); err != nil {
			return err
		}
	}
}

func (d *descriptor) lockRange(command int) (bool, error) {
	for {
		region := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET}
		err := unix.FcntlFlock(uintptr(d.fd), command, &region)
		if err != unix.EINTR {
			return d.outcome("byte-range lock", err)
		}
	}
}

func (d *descriptor) flock(how int) (bool, error) {
	for {
		err := unix.Flock(d.fd, how)
		if err != unix.EINTR {
			return d.outcome("flock", err)
		}
	}
}

// outcome tells a lock that another holds from one that cannot be had.
func (d *descriptor) outcome(what string, err error) (bool, error) {
	switch err {
	case nil:
		return true, nil
	case unix.EAGAIN, unix.EACCES:
		return false, nil
	case unix.ENOLCK, unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL:
		return false, fmt.Errorf("%s on %s: %w: %w", what, d.path, ErrUnsupported, err)
	}
	return false, fmt.Errorf("%s on %s: %w", what, d.path, err)
}

func (d *descriptor) unlockRange() {
	region := unix.Flock_t{Type: unix.F_UNLCK, Whence: unix.SEEK_SET}
	_ = unix.FcntlFlock(uintptr(d.fd), unix.F_OFD_SETLK, &region)
}

// close gives up both locks. They are unlocked by name first, in case a child
// process that is just being started still shares the description.
func (d *descriptor) close() error {
	_ = unix.Flock(d.fd, unix.LOCK_UN)
	d.unlockRange()
	if err := unix.Close(d.fd); err != nil && err != unix.EINTR {
		return fmt.Errorf("close lock file %s: %w", d.path, err)
	}
	return nil
}

// fileInode identifies the open file.
func (d *descriptor) fileInode() (inode, error) {
	return statRetrying(d.path, func(st *unix.Stat_t) error { return unix.Fstat(d.fd, st) })
}

// inodeAt identifies the file at a path.
func inodeAt(path string) (inode, error) {
	return statRetrying(path, func(st *unix.Stat_t) error { return unix.Stat(path, st) })
}

func statRetrying(path string, stat func(*unix.Stat_t) error) (inode, error) {
	var st unix.Stat_t
	for {
		err := stat(&st)
		if err == nil {
			return inode{st.Dev, st.Ino}, nil
		}
		if err != unix.EINTR {
			return inode{}, fmt.Errorf("stat lock file %s: %w", path, err)
		}
	}
}

// inPlace reports whether the open file is still the one at its path. A path
// where nothing is counts as false, not as an error.
func (d *descriptor) inPlace() (bool, error) {
	id, err := inodeAt(d.path)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return false, nil
	}
	return err == nil && id == d.id, err
}

// writeStamp writes the time as ActiveMQ does, 8 bytes of milliseconds since
// 1970, big-endian, at the start of the file.
func (d *descriptor) writeStamp(now time.Time) error {
	stamp := max(uint64(now.UnixMilli()), d.attempt+1) // never twice the same
	d.attempt = stamp
	if err := d.put(stamp); err != nil {
		return err
	}
	d.stamp = stamp
	return nil
}

// clearStamp is what the last owner does who leaves of its own will.
func (d *descriptor) clearStamp() error { return d.put(0) }

// resign is clearStamp for one who won the lock and does not serve: nobody has
// to wait for it.
func (d *descriptor) resign() {
	if ok, err := d.retake(); !ok || err != nil {
		return
	}
	if ok, err := d.stampIntact(); ok && err == nil {
		_ = d.clearStamp()
	}
}

func (d *descriptor) put(stamp uint64) error {
	var b [stampSize]byte
	binary.BigEndian.PutUint64(b[:], stamp)
	n, err := unix.Pwrite(d.fd, b[:], 0)
	for err == unix.EINTR {
		n, err = unix.Pwrite(d.fd, b[:], 0)
	}
	if err == nil && n != stampSize {
		err = unix.ENOSPC
	}
	if err != nil {
		return fmt.Errorf("write lock file %s: %w", d.path, err)
	}
	return nil
}

// sync makes the stamp durable.
func (d *descriptor) sync() error {
	for {
		err := unix.Fdatasync(d.fd)
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return fmt.Errorf("sync lock file %s: %w", d.path, err)
		}
	}
}

// stampIntact reports whether the file begins with what writeStamp wrote last:
// whoever gets the lock writes a time of its own.
func (d *descriptor) stampIntact() (bool, error) {
	var b [stampSize]byte
	n, err := unix.Pread(d.fd, b[:], 0)
	for err == unix.EINTR {
		n, err = unix.Pread(d.fd, b[:], 0)
	}
	if err != nil {
		return false, fmt.Errorf("read lock file %s: %w", d.path, err)
	}
	found := binary.BigEndian.Uint64(b[:])
	return n == stampSize && (found == d.stamp || found == d.attempt), nil
}
