package storage

import (
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// calls answers the kernel of one host. What it does not have, such as links
// and attributes, the kernel is told so.
type calls struct {
	fuse.RawFileSystem
	host    *Host
	storage *Storage
}

// at finds an inode and asks what becomes of a call on it. Storage.mu is not
// held: the fault may keep the call.
func (c *calls) at(number uint64, call Call) (*inode, Fault, fuse.Status) {
	s := c.storage
	s.mu.Lock()
	n := s.inodes[number]
	if n != nil && call.Name == "" {
		call.Name = n.name
	}
	s.mu.Unlock()
	if n == nil {
		return nil, Fault{}, fuse.Status(syscall.ESTALE)
	}
	f := c.host.ask(call)
	return n, f, fuse.Status(f.Err)
}

func (n *inode) attributes(out *fuse.Attr) {
	*out = fuse.Attr{Ino: n.number, Size: uint64(len(n.data)), Blocks: uint64(len(n.data)+sector-1) / sector,
		Mode: syscall.S_IFREG | 0o644, Nlink: uint32(max(n.links, 0)), Blksize: 4096}
	if n.names != nil {
		out.Mode = syscall.S_IFDIR | 0o755
	}
	out.SetTimes(&n.changed, &n.changed, &n.changed)
}

func (n *inode) entry(out *fuse.EntryOut) {
	out.NodeId, out.Generation = n.number, 1
	n.attributes(&out.Attr)
}

func (c *calls) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	dir, _, status := c.at(in.NodeId, Call{What: Stat, Name: name})
	if status != fuse.OK {
		return status
	}
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	n := dir.names[name]
	if n == nil {
		return fuse.ENOENT
	}
	n.entry(out)
	return fuse.OK
}

func (c *calls) Forget(uint64, uint64) {}

func (c *calls) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, _, status := c.at(in.NodeId, Call{What: Stat})
	if status != fuse.OK {
		return status
	}
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	n.attributes(&out.Attr)
	return fuse.OK
}

func (c *calls) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	size, resize := in.GetSize()
	what := Stat
	if resize {
		what = Truncate
	}
	n, f, status := c.at(in.NodeId, Call{What: what, Size: int(size)})
	if status != fuse.OK {
		return status
	}
	s := c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	if resize && !f.Skip {
		if errno := s.resizeLocked(n, int64(size)); errno != 0 {
			return fuse.Status(errno)
		}
	}
	n.attributes(&out.Attr)
	return fuse.OK
}

func (c *calls) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return c.add(in.NodeId, Call{What: Mkdir, Name: name}, true, out)
}

// add makes a file or a directory.
func (c *calls) add(dir uint64, call Call, directory bool, out *fuse.EntryOut) fuse.Status {
	d, _, status := c.at(dir, call)
	if status != fuse.OK {
		return status
	}
	s := c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.names[call.Name] != nil {
		return fuse.Status(syscall.EEXIST)
	}
	n := s.makeLocked(call.Name, directory)
	d.names[call.Name], d.changed = n, time.Now()
	n.entry(out)
	return fuse.OK
}

func (c *calls) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	status := c.add(in.NodeId, Call{What: Create, Name: name}, false, &out.EntryOut)
	if status == fuse.Status(syscall.EEXIST) && in.Flags&syscall.O_EXCL == 0 {
		status = c.Lookup(nil, &in.InHeader, name, &out.EntryOut)
	}
	if status != fuse.OK {
		return status
	}
	return c.open(out.NodeId, in.Flags, &out.OpenOut)
}

func (c *calls) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if _, _, status := c.at(in.NodeId, Call{What: Open}); status != fuse.OK {
		return status
	}
	return c.open(in.NodeId, in.Flags, out)
}

func (c *calls) open(number uint64, flags uint32, out *fuse.OpenOut) fuse.Status {
	s := c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.inodes[number]
	if n == nil {
		return fuse.Status(syscall.ESTALE)
	}
	if flags&syscall.O_TRUNC != 0 && n.names == nil {
		if errno := s.resizeLocked(n, 0); errno != 0 {
			return fuse.Status(errno)
		}
	}
	s.next++
	o := &handle{number: s.next, host: c.host, node: n}
	if n.names != nil {
		o.list = slices.Sorted(maps.Keys(n.names))
	}
	s.handles[o.number] = o
	out.Fh, out.OpenFlags = o.number, fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

func (c *calls) Release(_ <-chan struct{}, in *fuse.ReleaseIn) { c.forget(in.Fh) }

func (c *calls) ReleaseDir(in *fuse.ReleaseIn) { c.forget(in.Fh) }

func (c *calls) forget(number uint64) {
	s := c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.handles[number]
	if o == nil {
		return
	}
	delete(s.handles, number)
	if o.node.ranged == o {
		o.node.ranged = nil
	}
	if o.node.flocked == o {
		o.node.flocked = nil
	}
}

func (c *calls) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, f, status := c.at(in.NodeId, Call{What: Read, Size: len(buf)})
	if status != fuse.OK {
		return nil, status
	}
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	data := n.data
	if f.Data != nil {
		data = f.Data
	} else if own := c.host.private[n.number]; f.Private && own != nil {
		data = own
	}
	from := min(in.Offset, uint64(len(data)))
	return fuse.ReadResultData(buf[:copy(buf, data[from:])]), fuse.OK
}

func (c *calls) Write(_ <-chan struct{}, in *fuse.WriteIn, b []byte) (uint32, fuse.Status) {
	n, f, status := c.at(in.NodeId, Call{What: Write, Size: len(b)})
	if status != fuse.OK {
		return 0, status
	}
	if f.Skip {
		return uint32(len(b)), fuse.OK
	}
	if f.Short > 0 && f.Short < len(b) {
		b = b[:f.Short]
	}
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	if f.Private {
		own := c.host.private[n.number]
		if own == nil {
			own = slices.Clone(n.data)
		}
		if end := int(in.Offset) + len(b); end > len(own) {
			own = append(own, make([]byte, end-len(own))...)
		}
		copy(own[in.Offset:], b)
		c.host.private[n.number] = own
		return uint32(len(b)), fuse.OK
	}
	written, errno := c.storage.writeLocked(n, b, int64(in.Offset))
	return uint32(written), fuse.Status(errno)
}

func (c *calls) Flush(_ <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	_, _, status := c.at(in.NodeId, Call{What: Close})
	return status
}

const onlyData = 1 // FUSE_FSYNC_FDATASYNC

func (c *calls) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	what := Fsync
	if in.FsyncFlags&onlyData != 0 {
		what = Fdatasync
	}
	n, f, status := c.at(in.NodeId, Call{What: what})
	if status == fuse.OK && !f.Skip {
		c.storage.mu.Lock()
		defer c.storage.mu.Unlock()
		n.syncLocked()
	}
	return status
}

func (c *calls) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	n, f, status := c.at(in.NodeId, Call{What: SyncDir})
	if status == fuse.OK && !f.Skip {
		c.storage.mu.Lock()
		defer c.storage.mu.Unlock()
		n.syncNamesLocked()
	}
	return status
}

func (c *calls) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	n, _, status := c.at(in.NodeId, Call{What: Fallocate})
	if status != fuse.OK {
		return status
	}
	if in.Mode != 0 {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	s := c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	if size := int64(in.Offset + in.Length); size > int64(len(n.data)) {
		return fuse.Status(s.resizeLocked(n, size))
	}
	return fuse.OK
}

func (c *calls) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return c.remove(in, name)
}

func (c *calls) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return c.remove(in, name)
}

func (c *calls) remove(in *fuse.InHeader, name string) fuse.Status {
	dir, _, status := c.at(in.NodeId, Call{What: Unlink, Name: name})
	if status != fuse.OK {
		return status
	}
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	return fuse.Status(c.storage.unlinkLocked(dir, name))
}

func (c *calls) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	from, _, status := c.at(in.NodeId, Call{What: Rename, Old: oldName, Name: newName})
	if status != fuse.OK {
		return status
	}
	s := c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	to, n := s.inodes[in.Newdir], from.names[oldName]
	if to == nil || n == nil {
		return fuse.ENOENT
	}
	if old := to.names[newName]; old != nil && old != n {
		s.unlinkLocked(to, newName)
	}
	delete(from.names, oldName)
	to.names[newName], n.name = n, newName
	return fuse.OK
}

func (c *calls) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if status := c.Open(nil, in, out); status != fuse.OK {
		return status
	}
	out.OpenFlags = 0
	return fuse.OK
}

func (c *calls) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	dir, _, status := c.at(in.NodeId, Call{What: List})
	if status != fuse.OK {
		return status
	}
	s := c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.handles[in.Fh]
	if o == nil {
		return fuse.EBADF
	}
	for i := in.Offset; i < uint64(len(o.list)); i++ {
		n := dir.names[o.list[i]]
		if n == nil {
			continue
		}
		var attributes fuse.Attr
		n.attributes(&attributes)
		if !out.AddDirEntry(fuse.DirEntry{Name: o.list[i], Mode: attributes.Mode, Ino: n.number, Off: i + 1}) {
			break
		}
	}
	return fuse.OK
}

func (c *calls) StatFs(_ <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	if _, _, status := c.at(in.NodeId, Call{What: Stat}); status != fuse.OK {
		return status
	}
	s := c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	capacity := s.capacity
	if capacity == 0 {
		capacity = 1 << 40
	}
	const block = 4096
	free := uint64(max(capacity-s.used, 0)) / block
	*out = fuse.StatfsOut{Bsize: block, Frsize: block, Blocks: uint64(capacity) / block, Bfree: free, Bavail: free, NameLen: 255}
	return fuse.OK
}

// slot is where the holder of one kind of lock stands.
func (n *inode) slot(in *fuse.LkIn) **handle {
	if in.LkFlags&fuse.FUSE_LK_FLOCK != 0 {
		return &n.flocked
	}
	return &n.ranged
}

func (c *calls) GetLk(_ <-chan struct{}, in *fuse.LkIn, out *fuse.LkOut) fuse.Status {
	n, _, status := c.at(in.NodeId, Call{What: Lock})
	if status != fuse.OK {
		return status
	}
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	out.Lk = in.Lk
	out.Lk.Pid = 0
	if holder := *n.slot(in); holder == nil || holder.number == in.Fh {
		out.Lk.Typ = unix.F_UNLCK
	} else {
		out.Lk.Typ = unix.F_WRLCK
	}
	return fuse.OK
}

func (c *calls) SetLk(_ <-chan struct{}, in *fuse.LkIn) fuse.Status {
	n, f, status := c.at(in.NodeId, Call{What: Lock})
	if status != fuse.OK || f.Skip {
		return status
	}
	s := c.storage
	s.mu.Lock()
	defer s.mu.Unlock()
	o, holder := s.handles[in.Fh], n.slot(in)
	switch {
	case o == nil:
		return fuse.EBADF
	case *holder != nil && *holder != o:
		if in.Lk.Typ != unix.F_UNLCK {
			return fuse.EAGAIN
		}
	case in.Lk.Typ == unix.F_UNLCK:
		*holder = nil
	default:
		*holder = o
	}
	return fuse.OK
}

// SetLkw waits for nobody: brokers on a network file system ask again.
func (c *calls) SetLkw(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status { return c.SetLk(cancel, in) }
