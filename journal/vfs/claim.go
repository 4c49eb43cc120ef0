package vfs

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Claim renames a file to a free name, in one step where the file system has
// one: without replacing, or else by a second name. A rename that somebody
// sent long ago can then not come true over a file that was made since.
func (OS) Claim(oldName, newName string) error {
	err := unix.Renameat2(unix.AT_FDCWD, oldName, unix.AT_FDCWD, newName, unix.RENAME_NOREPLACE)
	if !unsupported(err) {
		return linkError(err, oldName, newName)
	}
	return claimByLink(oldName, newName)
}

// claimByLink is Claim for file systems like NFS.
func claimByLink(oldName, newName string) error {
	err := unix.Link(oldName, newName)
	if unsupported(err) {
		return claimByLook(oldName, newName)
	}
	// A network file system may have asked twice, and be told of its own success.
	if errors.Is(err, fs.ErrExist) && !same(oldName, newName) || err != nil && !errors.Is(err, fs.ErrExist) {
		return linkError(err, oldName, newName)
	}
	return os.Remove(oldName)
}

// claimByLook is Claim for file systems without second names.
func claimByLook(oldName, newName string) error {
	_, err := os.Lstat(newName)
	if err == nil {
		return linkError(unix.EEXIST, oldName, newName)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(oldName, newName)
}

func same(a, b string) bool {
	x, errX := os.Lstat(a)
	y, errY := os.Lstat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func unsupported(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) ||
		errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EMLINK)
}

func linkError(err error, oldName, newName string) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: "claim", Old: oldName, New: newName, Err: err}
}
