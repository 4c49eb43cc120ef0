package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Calls that a fault is shown, by the names of what processes do.
const (
	Open      = "open"
	Create    = "create"
	Read      = "read"
	Write     = "write"
	Close     = "close"
	Fsync     = "fsync"
	Fdatasync = "fdatasync"
	SyncDir   = "syncdir"
	Fallocate = "fallocate"
	Truncate  = "truncate"
	Rename    = "rename"
	Unlink    = "unlink"
	Mkdir     = "mkdir"
	Lock      = "lock"
	Stat      = "stat" // lookup as well
	List      = "list"
)

// changes are the calls that change files.
var changes = []string{Create, Write, Fallocate, Truncate, Rename, Unlink, Mkdir}

// Call is one request of a host's kernel.
type Call struct {
	What string
	Name string // of the file or directory, without its directory; of a rename, the new one
	Old  string // of a rename
	At   time.Time
	Size int // of a read or write
}

// Fault is what becomes of a call. The zero value lets it pass.
type Fault struct {
	Err   syscall.Errno // the answer instead
	Short int           // of a write, how many bytes of it are done; 0: all
	Skip  bool          // success is reported and nothing done
	Data  []byte        // of a read, what the whole file seems to hold; nil: what it holds
	Hold  <-chan struct{}
	// Private has a write go to a copy that this host alone sees, and a read come
	// from that copy if there is one.
	Private bool
}

// Host is one mount of a storage.
type Host struct {
	Dir string // where it is mounted

	storage    *Storage
	server     *fuse.Server
	connection string // in /sys/fs/fuse/connections

	mu      sync.Mutex
	private map[uint64][]byte // Storage.mu; by inode
	fault   func(Call) Fault  // mu
	changed []Call            // mu; calls that change files, the last of them
	count   map[string]int    // mu; calls by what they do
}

// maxRecord bounds the calls that are remembered.
const maxRecord = 1 << 16

// Mount mounts the storage at an empty directory. Without locks each host has
// its own, and they exclude nobody on another.
func (s *Storage) Mount(dir string, locks bool) (*Host, error) {
	h := &Host{Dir: dir, storage: s, count: map[string]int{}, private: map[uint64][]byte{}}
	server, err := fuse.NewServer(&calls{RawFileSystem: fuse.NewDefaultRawFileSystem(), host: h, storage: s}, dir,
		&fuse.MountOptions{EnableLocks: locks, DirectMountStrict: true, FsName: "faulty", Name: "conclavetest",
			MaxWrite: 1 << 20, DisableReadDirPlus: true, DisableXAttrs: true, DisableSplice: true})
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	h.server = server
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return nil, err
	}
	h.connection = filepath.Join("/sys/fs/fuse/connections", strconv.FormatUint(uint64(unix.Minor(st.Dev)), 10))
	return h, nil
}

// Close unmounts, whatever hangs: the kernel gives every call up first.
func (h *Host) Close() error {
	h.SetFault(nil)
	if _, err := os.Stat(h.connection); err != nil {
		_ = unix.Mount("fusectl", "/sys/fs/fuse/connections", "fusectl", 0, "") // it may be there
	}
	errAbort := os.WriteFile(filepath.Join(h.connection, "abort"), []byte("1"), 0o200)
	if err := unix.Unmount(h.Dir, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", h.Dir, err)
	}
	return errAbort
}

// SetFault shows every call from now on to f; nil lets all pass.
func (h *Host) SetFault(f func(Call) Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = f
}

// Hang keeps the calls that match, until heal is called, which may be done
// more than once. It takes the place of the fault.
func (h *Host) Hang(match func(Call) bool) (heal func()) {
	gate := make(chan struct{})
	var once sync.Once
	h.SetFault(func(c Call) Fault {
		if match(c) {
			return Fault{Hold: gate}
		}
		return Fault{}
	})
	return func() {
		once.Do(func() {
			h.SetFault(nil)
			close(gate)
		})
	}
}

// Revoke takes all locks of the host away, as a server does after a lease.
func (h *Host) Revoke() {
	h.storage.mu.Lock()
	defer h.storage.mu.Unlock()
	for _, n := range h.storage.inodes {
		if n.ranged != nil && n.ranged.host == h {
			n.ranged = nil
		}
		if n.flocked != nil && n.flocked.host == h {
			n.flocked = nil
		}
	}
}

// Changes lists the calls since a moment that changed files, or tried to.
func (h *Host) Changes(since time.Time) []Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.changed, func(c Call) bool { return c.At.After(since) })
	if i < 0 {
		return nil
	}
	return slices.Clone(h.changed[i:])
}

// Count is how many calls of a kind there have been.
func (h *Host) Count(what string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count[what]
}

// ask notes a call and says what becomes of it. A call that is kept is asked
// about once.
func (h *Host) ask(c Call) Fault {
	c.At = time.Now()
	h.mu.Lock()
	h.count[c.What]++
	if slices.Contains(changes, c.What) {
		if len(h.changed) >= maxRecord {
			h.changed = slices.Delete(h.changed, 0, maxRecord/2)
		}
		h.changed = append(h.changed, c)
	}
	fault := h.fault
	h.mu.Unlock()
	if fault == nil {
		return Fault{}
	}
	f := fault(c)
	if f.Hold != nil {
		<-f.Hold
	}
	return f
}
