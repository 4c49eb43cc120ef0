package storage

import (
	"maps"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// sector is what a device writes whole.
const sector = 512

// rootInode is FUSE's number of the directory that is mounted.
const rootInode = 1

// Storage is the file system that hosts share.
type Storage struct {
	mu       sync.Mutex
	inodes   map[uint64]*inode  // mu; every file that ever was
	handles  map[uint64]*handle // mu
	next     uint64             // mu; number given out last
	capacity int64              // mu; bytes in files, 0: no bound
	used     int64              // mu
}

// inode is a file or a directory. Storage.mu guards it.
type inode struct {
	number  uint64
	name    string // the last that it was given
	changed time.Time
	links   int

	data   []byte
	synced []byte
	dirty  map[int64]struct{} // sectors written since the last sync

	names   map[string]*inode // of a directory, as processes see them
	durable map[string]*inode // of a directory, as a power failure leaves them

	ranged, flocked *handle // who has the byte-range lock and the flock
}

// handle is an open file. Storage.mu guards the maps that it is in.
type handle struct {
	number uint64
	host   *Host
	node   *inode
	list   []string // of a directory
}

// New makes an empty storage.
func New() *Storage {
	s := &Storage{inodes: map[uint64]*inode{}, handles: map[uint64]*handle{}, next: rootInode - 1}
	root := s.makeLocked("", true)
	root.links = 1
	return s
}

// SetCapacity bounds the bytes that files may hold; 0 lifts the bound.
func (s *Storage) SetCapacity(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capacity = n
}

// Used is the bytes that files hold.
func (s *Storage) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// Cut drops what was not synced, as a power failure does; of the sectors and
// names that were not synced each is kept or lost as random decides, all are
// lost if it is nil. The processes of every host must have been killed.
func (s *Storage) Cut(random *rand.Rand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.handles)
	live := map[*inode]bool{}
	s.cutLocked(s.inodes[rootInode], random, live)
	s.used = 0
	for number, n := range s.inodes {
		if !live[n] {
			delete(s.inodes, number)
			continue
		}
		n.ranged, n.flocked = nil, nil
		s.used += int64(len(n.data))
	}
}

func (s *Storage) cutLocked(n *inode, random *rand.Rand, live map[*inode]bool) {
	live[n] = true
	if n.names == nil {
		n.cut(random)
		return
	}
	if random != nil {
		for name, child := range n.names {
			if n.durable[name] != child && random.IntN(2) == 0 {
				maps.DeleteFunc(n.durable, func(_ string, other *inode) bool { return other == child })
				n.durable[name] = child
			}
		}
	}
	n.names = map[string]*inode{}
	for name, child := range n.durable {
		n.names[name], child.name = child, name
		s.cutLocked(child, random, live)
	}
}

// cut makes the data what the device has.
func (n *inode) cut(random *rand.Rand) {
	data := append([]byte(nil), n.synced...)
	for at := range n.dirty {
		from, to := at*sector, min((at+1)*sector, int64(len(n.data)))
		if random == nil || from >= to || random.IntN(2) == 0 {
			continue
		}
		if grow := to - int64(len(data)); grow > 0 {
			data = append(data, make([]byte, grow)...)
		}
		copy(data[from:to], n.data[from:to])
	}
	n.data, n.synced = data, append([]byte(nil), data...)
	clear(n.dirty)
}

func (s *Storage) makeLocked(name string, directory bool) *inode {
	s.next++
	n := &inode{number: s.next, name: name, changed: time.Now(), links: 1}
	if directory {
		n.names, n.durable = map[string]*inode{}, map[string]*inode{}
	} else {
		n.dirty = map[int64]struct{}{}
	}
	s.inodes[n.number] = n
	return n
}

// resizeLocked makes a file longer, by zeros, or shorter.
func (s *Storage) resizeLocked(n *inode, size int64) syscall.Errno {
	grow := size - int64(len(n.data))
	if grow > 0 && s.capacity > 0 && s.used+grow > s.capacity {
		return syscall.ENOSPC
	}
	first := min(size, int64(len(n.data))) / sector
	for at := first; at*sector < max(size, int64(len(n.data))); at++ {
		n.dirty[at] = struct{}{}
	}
	if grow > 0 {
		n.data = append(n.data, make([]byte, grow)...)
	} else {
		n.data = n.data[:size]
	}
	s.used += grow
	n.changed = time.Now()
	return 0
}

// writeLocked writes what there is room for.
func (s *Storage) writeLocked(n *inode, b []byte, offset int64) (int, syscall.Errno) {
	if grow := offset + int64(len(b)) - int64(len(n.data)); grow > 0 && s.capacity > 0 && s.used+grow > s.capacity {
		room := s.capacity - s.used + int64(len(n.data)) - offset
		if room <= 0 {
			return 0, syscall.ENOSPC
		}
		b = b[:room]
	}
	if end := offset + int64(len(b)); end > int64(len(n.data)) {
		if errno := s.resizeLocked(n, end); errno != 0 {
			return 0, errno
		}
	}
	copy(n.data[offset:], b)
	for at := offset / sector; at*sector < offset+int64(len(b)); at++ {
		n.dirty[at] = struct{}{}
	}
	n.changed = time.Now()
	return len(b), 0
}

// syncLocked makes a file's content durable.
func (n *inode) syncLocked() {
	switch grow := len(n.data) - len(n.synced); {
	case grow > 0:
		n.synced = append(n.synced, make([]byte, grow)...)
	case grow < 0:
		n.synced = n.synced[:len(n.data)]
	}
	for at := range n.dirty {
		if from, to := at*sector, min((at+1)*sector, int64(len(n.data))); from < to {
			copy(n.synced[from:to], n.data[from:to])
		}
	}
	clear(n.dirty)
}

// syncNamesLocked makes a directory's names durable.
func (n *inode) syncNamesLocked() {
	clear(n.durable)
	for name, child := range n.names {
		n.durable[name] = child
	}
}

// unlinkLocked takes a name away.
func (s *Storage) unlinkLocked(dir *inode, name string) syscall.Errno {
	n := dir.names[name]
	if n == nil {
		return syscall.ENOENT
	}
	delete(dir.names, name)
	if n.links--; n.links == 0 {
		s.used -= int64(len(n.data))
	}
	return 0
}
