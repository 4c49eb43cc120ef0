package lock

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Status is what can be seen of an election without taking part in it.
type Status struct {
	// Holder took the last epoch; zero if nobody has. It holds the lock only
	// if Held is true and ForeignPID is 0.
	Holder Holder
	// Held reports that somebody has the lock now.
	Held bool
	// ForeignPID is the process on this host that holds the lock with plain
	// fcntl locks, as ActiveMQ does; 0 if it is held otherwise or not at all,
	// or by a process of another host.
	ForeignPID int
	// Foreign describes a holder that is no broker of ours, where there is more
	// to say than a process: in a database. "" if there is none.
	Foreign string
}

// IsForeign reports that the holder is another program, such as ActiveMQ.
func (s Status) IsForeign() bool { return s.ForeignPID != 0 || s.Foreign != "" }

// Describe names the owner of a held lock for people.
func (s Status) Describe() string {
	if s.Foreign != "" {
		return s.Foreign
	}
	if s.ForeignPID != 0 {
		return fmt.Sprintf("another server, such as ActiveMQ (pid %d)", s.ForeignPID)
	}
	return s.Holder.String()
}

// ReadHolder reads who owns a directory. It takes no lock, so it can neither
// depose nor delay anybody, and writes nothing. If the epoch file is damaged,
// Held and ForeignPID are right all the same.
func ReadHolder(dir string) (Status, error) {
	var s Status
	var errProbe, errEpoch error
	s.Held, s.ForeignPID, errProbe = probe(filepath.Join(dir, FileName))
	s.Holder, errEpoch = readEpoch(dir)
	return s, errors.Join(errProbe, errEpoch)
}

// probe asks which byte-range lock would stand in the way of ours. Every
// broker that holds the lock has one, whatever its kind.
func probe(path string) (held bool, foreignPID int, err error) {
	fd, err := openRetrying(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("open lock file %s: %w", path, err)
	}
	defer unix.Close(fd)
	region := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET}
	for {
		err = unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &region)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return false, 0, fmt.Errorf("test lock %s: %w", path, err)
	}
	// The kernel says -1 for an open-file-description lock.
	return region.Type != unix.F_UNLCK, int(max(0, region.Pid)), nil
}
