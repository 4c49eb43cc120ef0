package vfs

import (
	"os"
	"path/filepath"
)

// Truncate cuts a file to size bytes.
func (OS) Truncate(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Truncate cuts a file to size bytes.
func (m *Memory) Truncate(name string, size int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[filepath.Clean(name)]
	if n == nil {
		return notExist("truncate", name)
	}
	if size < int64(len(n.data)) {
		m.used -= int64(len(n.data)) - size
		n.data = n.data[:size:size]
		n.synced = n.synced[:min(size, int64(len(n.synced)))]
	}
	return nil
}

// Truncate cuts a file to size bytes.
func (f *Faulty) Truncate(name string, size int64) error {
	return f.do(CallWrite, name, func() error { return f.FS.Truncate(name, size) })
}
