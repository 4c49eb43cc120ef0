package storage

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// The kinds of lock that are tried.
const (
	kindFlock = "flock" // flock(2)
	kindOFD   = "ofd"   // F_OFD_SETLK over the whole file
	kindBoth  = "both"  // the two on one descriptor, as a broker has them
	kindPOSIX = "posix" // F_SETLK over the first byte, as ActiveMQ has it
)

// kindNames are the kinds for people.
var kindNames = map[string]string{
	kindFlock: "flock", kindOFD: "OFD lock", kindBoth: "flock and OFD lock", kindPOSIX: "fcntl lock (ActiveMQ's)",
}

// tryLock takes a lock of a kind on a descriptor, waiting for it if told to.
// False without an error says that another has it. A second half that cannot
// be had leaves the first as it is: the caller closes the descriptor.
func tryLock(fd int, kind string, wait bool) (bool, error) {
	switch kind {
	case kindFlock:
		how := unix.LOCK_EX
		if !wait {
			how |= unix.LOCK_NB
		}
		return outcome("flock", retry(func() error { return unix.Flock(fd, how) }))
	case kindOFD:
		if wait {
			return lockRange(fd, unix.F_OFD_SETLKW, 0)
		}
		return lockRange(fd, unix.F_OFD_SETLK, 0)
	case kindPOSIX:
		if wait {
			return lockRange(fd, unix.F_SETLKW, 1)
		}
		return lockRange(fd, unix.F_SETLK, 1)
	case kindBoth:
		if ok, err := tryLock(fd, kindOFD, wait); !ok {
			return false, err
		}
		return tryLock(fd, kindFlock, wait)
	}
	return false, fmt.Errorf("no kind of lock %.20q", kind)
}

// lockRange locks length bytes from the start for writing; 0 is all.
func lockRange(fd, command int, length int64) (bool, error) {
	return outcome("fcntl lock", retry(func() error {
		region := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Len: length}
		return unix.FcntlFlock(uintptr(fd), command, &region)
	}))
}

// outcome tells a lock that another holds from one that cannot be had.
func outcome(what string, err error) (bool, error) {
	switch err {
	case nil:
		return true, nil
	case unix.EAGAIN, unix.EACCES:
		return false, nil
	}
	return false, fmt.Errorf("%s: %w", what, err)
}

// TestLock tries to take, by a second descriptor, both locks of a file that
// this process holds. A file system that grants one of them grants the lock to
// everybody. It changes nothing in the file. Locks that only reach as far as
// this host pass the test. The caller proves, if the finding is Unsafe, that
// it still holds the lock: else nothing is found.
func TestLock(path string) (Result, error) {
	r := Result{Check: CheckSelfExclusion, Reason: "the lock excludes a second one"}
	for _, kind := range []string{kindOFD, kindFlock} {
		var fd int
		err := retry(func() (err error) {
			fd, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
			return err
		})
		if err != nil {
			return Result{}, named("open", path, err)
		}
		granted, err := tryLock(fd, kind, false)
		unix.Close(fd)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", path, err)
		}
		if granted {
			return Result{Check: CheckSelfExclusion, Verdict: Unsafe,
				Reason: "the file system grants a second " + kindNames[kind] + " on " + path + ", which is locked: every broker would be master",
				Remedy: "use a file system that locks; `conclave check-storage` tells what this one does"}, nil
		}
	}
	return r, nil
}
