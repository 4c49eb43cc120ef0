package vfs

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reserve is fallocate(2).
func (f osFile) Reserve(n int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = conn.Control(func(fd uintptr) {
		for {
			if callErr = unix.Fallocate(int(fd), 0, 0, n); callErr != unix.EINTR {
				return
			}
		}
	})
	switch {
	case err != nil:
		return err
	case callErr == unix.EOPNOTSUPP || callErr == unix.ENOSYS:
		return errors.ErrUnsupported
	case callErr != nil:
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: callErr}
	}
	return nil
}

// Reserve lengthens a file with zeros.
func (f *memoryFile) Reserve(n int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed || f.readOnly {
		return &fs.PathError{Op: "reserve", Path: f.name, Err: fs.ErrClosed}
	}
	grow := n - int64(len(f.node.data))
	if grow <= 0 {
		return nil
	}
	if f.fs.capacity > 0 && f.fs.used+grow > f.fs.capacity {
		return &fs.PathError{Op: "reserve", Path: f.name, Err: syscall.ENOSPC}
	}
	if f.node.links > 0 {
		f.fs.used += grow
	}
	for s := int64(len(f.node.data)) / sector; s*sector < n; s++ {
		f.node.dirty[s] = struct{}{}
	}
	f.node.data = append(f.node.data, make([]byte, grow)...)
	return nil
}

// Reserve makes room in a file.
func (f *faultyFile) Reserve(n int64) error {
	return f.fs.do(CallWrite, f.name, func() error { return f.file.Reserve(n) })
}
