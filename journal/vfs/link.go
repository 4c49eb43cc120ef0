package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Linker is an FS that can give a file a second name.
type Linker interface {
	// Link makes newName a name of the file called oldName. It fails with
	// fs.ErrExist if there is such a name.
	Link(oldName, newName string) error
}

// Link gives a file a second name; errors.ErrUnsupported says that the file
// system cannot.
func Link(files FS, oldName, newName string) error {
	if l, ok := files.(Linker); ok {
		return l.Link(oldName, newName)
	}
	return &os.LinkError{Op: "link", Old: oldName, New: newName, Err: errors.ErrUnsupported}
}

// Link is link(2).
func (OS) Link(oldName, newName string) error { return os.Link(oldName, newName) }

// Link gives a file a second name.
func (m *Memory) Link(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	oldName, newName = filepath.Clean(oldName), filepath.Clean(newName)
	n := m.names[oldName]
	if n == nil {
		return notExist("link", oldName)
	}
	if m.names[newName] != nil {
		return &fs.PathError{Op: "link", Path: newName, Err: fs.ErrExist}
	}
	n.links++
	m.names[newName] = n
	return nil
}

// Link gives a file a second name.
func (f *Faulty) Link(oldName, newName string) error {
	return f.do(CallRename, newName, func() error { return Link(f.FS, oldName, newName) })
}
