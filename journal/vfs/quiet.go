package vfs

import (
	"errors"
	"os"
	"syscall"
)

// Quiet is the operating system's file system for a process that may only
// look: reading leaves not even a time of access behind, where the system
// allows that to this user, and whatever would change something is refused.
type Quiet struct{ OS }

func openQuiet(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOATIME, 0)
	if errors.Is(err, syscall.EPERM) { // the file is another user's
		return os.Open(name)
	}
	return f, err
}

// Open opens a file for reading.
func (Quiet) Open(name string) (File, error) {
	f, err := openQuiet(name)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// List returns the names in dir.
func (Quiet) List(dir string) ([]string, error) {
	d, err := openQuiet(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func refuse(op, name string) error {
	return &os.PathError{Op: op, Path: name, Err: syscall.EROFS}
}

// MkdirAll is refused.
func (Quiet) MkdirAll(dir string) error { return refuse("mkdir", dir) }

// Create is refused.
func (Quiet) Create(name string) (File, error) { return nil, refuse("create", name) }

// Rename is refused.
func (Quiet) Rename(oldName, _ string) error { return refuse("rename", oldName) }

// Claim is refused.
func (Quiet) Claim(oldName, _ string) error { return refuse("rename", oldName) }

// Remove is refused.
func (Quiet) Remove(name string) error { return refuse("remove", name) }

// Truncate is refused.
func (Quiet) Truncate(name string, _ int64) error { return refuse("truncate", name) }

// SyncDir is refused.
func (Quiet) SyncDir(dir string) error { return refuse("sync", dir) }
