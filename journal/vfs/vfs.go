package vfs

import "io"

// FS is a file system. Its methods may be called from any goroutine. Errors
// are those of package os: errors.Is(err, fs.ErrNotExist) and
// errors.Is(err, syscall.ENOSPC) hold where they apply.
type FS interface {
	// MkdirAll makes a directory with its parents.
	MkdirAll(dir string) error
	// List returns the names of the files in dir, in no order.
	List(dir string) ([]string, error)
	// Create opens a new file for reading and writing; a file of that name is
	// emptied.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Rename replaces newName by the file called oldName.
	Rename(oldName, newName string) error
	// Claim renames a file to a name that must be free: otherwise the error is
	// fs.ErrExist, and nothing has changed.
	Claim(oldName, newName string) error
	// Remove deletes a file.
	Remove(name string) error
	// Size is the length of a file in bytes.
	Size(name string) (int64, error)
	// Truncate cuts a file to size bytes, durably.
	Truncate(name string, size int64) error
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
}

// File is an open file. Reads and writes may run at the same time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes what was written durable, and of the metadata what is needed
	// to read it back.
	Sync() error
	// Reserve gives the file a length of at least n bytes, and space for all
	// of them; what has not been written reads as zeros. errors.ErrUnsupported
	// says that the file system cannot.
	Reserve(n int64) error
	// Size is the length in bytes.
	Size() (int64, error)
}
