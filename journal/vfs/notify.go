package vfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Notifier is a file system that tells of changes in a directory. It does not
// on another host's changes.
type Notifier interface {
	// Notify calls changed with each name that comes, goes or is another file
	// now, from one goroutine, until it is stopped. A call with "" says that
	// names were missed. stop returns when there are no more calls.
	Notify(dir string, changed func(name string)) (stop func(), err error)
}

// Dater is a file system that can say cheaply whether a directory has changed.
type Dater interface {
	// Changed is when the names in dir last changed, in nanoseconds of the
	// storage's clock, asked of the storage itself and not of a cache.
	Changed(dir string) (int64, error)
}

// Notify is inotify(7).
func (OS) Notify(dir string, changed func(name string)) (stop func(), err error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	const names = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM
	if _, err := unix.InotifyAddWatch(fd, dir, names|unix.IN_ONLYDIR); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("watch %s: %w", dir, os.NewSyscallError("inotify_add_watch", err))
	}
	f := os.NewFile(uintptr(fd), "inotify")
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 16<<10) // longer than any event
		for {
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			eachEvent(buf[:n], changed)
		}
	}()
	return func() {
		_ = f.Close()
		<-done
	}, nil
}

// eachEvent reads events: int32 watch, uint32 mask, uint32 cookie, uint32
// length of the name, which ends in zeros.
func eachEvent(b []byte, changed func(name string)) {
	for len(b) >= unix.SizeofInotifyEvent {
		mask, length := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[12:])
		name, end := "", min(unix.SizeofInotifyEvent+int(length), len(b))
		if mask&unix.IN_Q_OVERFLOW == 0 {
			name = string(bytes.TrimRight(b[unix.SizeofInotifyEvent:end], "\x00"))
		}
		changed(name)
		b = b[end:]
	}
}

// Changed is the directory's ctime.
func (OS) Changed(dir string) (int64, error) {
	var st unix.Statx_t
	for {
		err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_STATX_FORCE_SYNC, unix.STATX_CTIME|unix.STATX_MTIME, &st)
		if err == nil {
			return max(st.Ctime.Sec*1e9+int64(st.Ctime.Nsec), st.Mtime.Sec*1e9+int64(st.Mtime.Nsec)), nil
		}
		if err != unix.EINTR {
			return 0, &os.PathError{Op: "statx", Path: dir, Err: err}
		}
	}
}
