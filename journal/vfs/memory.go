package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// sector is what a device writes whole.
const sector = 512

// Memory is a file system in memory that knows what has been synced.
// Directories exist by being named.
type Memory struct {
	mu sync.Mutex
	// All guarded by mu.
	names    map[string]*node // as a process sees them
	durable  map[string]*node // as a power failure leaves them
	capacity int64            // bytes in files, 0 unlimited
	used     int64
	syncs    int
}

// node is a file's content. Memory.mu guards it.
type node struct {
	data   []byte
	synced []byte
	dirty  map[int64]struct{} // sectors written since the last sync
	links  int
}

// NewMemory returns an empty file system.
func NewMemory() *Memory {
	return &Memory{names: map[string]*node{}, durable: map[string]*node{}}
}

// SetCapacity bounds the bytes that files may take; beyond it is ENOSPC. 0
// lifts the bound.
func (m *Memory) SetCapacity(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = n
}

// Used is the bytes that files take.
func (m *Memory) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// Syncs is how many times Sync and SyncDir have been called.
func (m *Memory) Syncs() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.syncs
}

// Crash returns the file system as a power failure now would leave it. Of the
// sectors and names that were not synced each is kept or lost as random
// decides, always the same for the same numbers; without random all are lost.
func (m *Memory) Crash(random *rand.Rand) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := map[string]*node{}
	for name, n := range m.durable {
		names[name] = n
	}
	if random != nil {
		for _, name := range slices.Sorted(maps.Keys(m.names)) {
			if n := m.names[name]; m.durable[name] != n && random.IntN(2) == 0 {
				names[name] = n
			}
		}
	}
	crashed := NewMemory()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		data := names[name].afterCrash(random)
		c := &node{data: data, synced: append([]byte(nil), data...), dirty: map[int64]struct{}{}, links: 1}
		crashed.names[name], crashed.durable[name] = c, c
		crashed.used += int64(len(data))
	}
	return crashed
}

// Snapshot returns a copy as a killed process leaves it: nothing is lost.
func (m *Memory) Snapshot() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	copied := NewMemory()
	for name, n := range m.names {
		c := &node{data: append([]byte(nil), n.data...), synced: append([]byte(nil), n.data...), dirty: map[int64]struct{}{}, links: 1}
		copied.names[name], copied.durable[name] = c, c
		copied.used += int64(len(n.data))
	}
	return copied
}

func (n *node) afterCrash(random *rand.Rand) []byte {
	data := append([]byte(nil), n.synced...)
	if random == nil {
		return data
	}
	for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
		from, to := s*sector, min((s+1)*sector, int64(len(n.data)))
		if from >= to || random.IntN(2) == 0 {
			continue
		}
		if int64(len(data)) < to {
			data = append(data, make([]byte, to-int64(len(data)))...)
		}
		copy(data[from:to], n.data[from:to])
	}
	return data
}

// MkdirAll does nothing: directories exist by being named.
func (m *Memory) MkdirAll(string) error { return nil }

// List returns the names in dir.
func (m *Memory) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.names {
		if filepath.Dir(name) == filepath.Clean(dir) {
			names = append(names, filepath.Base(name))
		}
	}
	return names, nil
}

// Create opens an empty file.
func (m *Memory) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	n := m.names[name]
	if n == nil {
		n = &node{dirty: map[int64]struct{}{}, links: 1}
		m.names[name] = n
	}
	m.used -= int64(len(n.data))
	n.data = nil
	return &memoryFile{fs: m, node: n, name: name}, nil
}

// Open opens a file for reading.
func (m *Memory) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[filepath.Clean(name)]
	if n == nil {
		return nil, notExist("open", name)
	}
	return &memoryFile{fs: m, node: n, name: name, readOnly: true}, nil
}

// Rename replaces newName by oldName.
func (m *Memory) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	oldName, newName = filepath.Clean(oldName), filepath.Clean(newName)
	n := m.names[oldName]
	if n == nil {
		return notExist("rename", oldName)
	}
	m.unlink(newName)
	delete(m.names, oldName)
	m.names[newName] = n
	return nil
}

// Claim renames a file to a free name.
func (m *Memory) Claim(oldName, newName string) error {
	m.mu.Lock()
	taken := m.names[filepath.Clean(newName)] != nil && m.names[filepath.Clean(oldName)] != nil
	m.mu.Unlock()
	if taken {
		return &fs.PathError{Op: "claim", Path: newName, Err: fs.ErrExist}
	}
	return m.Rename(oldName, newName)
}

// Remove deletes a file.
func (m *Memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	if m.names[name] == nil {
		return notExist("remove", name)
	}
	m.unlink(name)
	return nil
}

func (m *Memory) unlink(name string) {
	if n := m.names[name]; n != nil {
		if n.links--; n.links == 0 {
			m.used -= int64(len(n.data))
		}
		delete(m.names, name)
	}
}

// Size is the length of a file.
func (m *Memory) Size(name string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.names[filepath.Clean(name)]
	if n == nil {
		return 0, notExist("stat", name)
	}
	return int64(len(n.data)), nil
}

// SyncDir makes the names in dir durable.
func (m *Memory) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.syncs++
	dir = filepath.Clean(dir)
	for name := range m.durable {
		if filepath.Dir(name) == dir && m.names[name] == nil {
			delete(m.durable, name)
		}
	}
	for name, n := range m.names {
		if filepath.Dir(name) == dir {
			m.durable[name] = n
		}
	}
	return nil
}

func notExist(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// memoryFile is an open file of Memory.
type memoryFile struct {
	fs       *Memory
	node     *node
	name     string
	readOnly bool
	closed   bool // Memory.mu
}

func (f *memoryFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return 0, fs.ErrClosed
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed || f.readOnly {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: fs.ErrClosed}
	}
	n := f.node
	if grow := off + int64(len(p)) - int64(len(n.data)); grow > 0 {
		if f.fs.capacity > 0 && f.fs.used+grow > f.fs.capacity {
			return 0, &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
		}
		if n.links > 0 {
			f.fs.used += grow
		}
		n.data = append(n.data, make([]byte, grow)...)
	}
	copy(n.data[off:], p)
	for s := off / sector; s*sector < off+int64(len(p)); s++ {
		n.dirty[s] = struct{}{}
	}
	return len(p), nil
}

func (f *memoryFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.fs.syncs++
	n := f.node
	if len(n.synced) > len(n.data) {
		n.synced = n.synced[:len(n.data)]
	}
	if len(n.synced) < len(n.data) {
		n.synced = append(n.synced, make([]byte, len(n.data)-len(n.synced))...)
	}
	for s := range n.dirty {
		from, to := s*sector, min((s+1)*sector, int64(len(n.data)))
		if from < to {
			copy(n.synced[from:to], n.data[from:to])
		}
	}
	clear(n.dirty)
	return nil
}

func (f *memoryFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memoryFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return fmt.Errorf("close %s: %w", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}
