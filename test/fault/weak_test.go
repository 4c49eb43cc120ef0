//go:build fault

package fault

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// weakness is what a mount does worse than a disk. The zero value passes
// everything on, locks too.
type weakness struct {
	noLocks      bool // the kernel keeps them to itself: another mount does not know of them
	grantsAll    bool // every lock is granted to everybody
	trap         bool // closing any descriptor of a file lets go of its locks
	gapInRename  bool // the old file goes before the new one is there
	emptySync    bool // fsync does nothing
	failingSync  bool // fsync is EIO
	hangingSync  bool // fsync hangs until healed
	hangingStat  bool // the mount's root hangs until healed
	longCache    bool // attributes and names are kept for an hour
	failingWrite bool // write is EIO
}

// weakFS is a mount of a directory with a weakness.
type weakFS struct {
	fuse.RawFileSystem
	weakness
	healed chan struct{}

	mu     sync.Mutex
	owners map[uint64]uint64 // guarded by mu; of the trap's locks, by node
}

func (w *weakFS) Rename(cancel <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	if w.gapInRename {
		w.RawFileSystem.Unlink(cancel, &fuse.InHeader{NodeId: in.Newdir}, newName) // it may not be there
		<-time.After(time.Millisecond)
	}
	return w.RawFileSystem.Rename(cancel, in, oldName, newName)
}

func (w *weakFS) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	switch {
	case w.emptySync:
		return fuse.OK
	case w.failingSync:
		return fuse.EIO
	case w.hangingSync:
		<-w.healed
	}
	return w.RawFileSystem.Fsync(cancel, in)
}

func (w *weakFS) Write(cancel <-chan struct{}, in *fuse.WriteIn, b []byte) (uint32, fuse.Status) {
	if w.failingWrite {
		return 0, fuse.EIO
	}
	return w.RawFileSystem.Write(cancel, in, b)
}

func (w *weakFS) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if w.hangingStat && in.NodeId == fuse.FUSE_ROOT_ID {
		<-w.healed
	}
	return w.RawFileSystem.GetAttr(cancel, in, out)
}

func (w *weakFS) SetLk(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	switch {
	case w.grantsAll:
		return fuse.OK
	case w.trap:
		return w.trapped(in)
	}
	return w.RawFileSystem.SetLk(cancel, in)
}

func (w *weakFS) trapped(in *fuse.LkIn) fuse.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	owner, held := w.owners[in.NodeId]
	switch {
	case in.Lk.Typ == unix.F_UNLCK:
		if owner == in.Owner {
			delete(w.owners, in.NodeId)
		}
	case held && owner != in.Owner:
		return fuse.EAGAIN
	default:
		w.owners[in.NodeId] = in.Owner
	}
	return fuse.OK
}

func (w *weakFS) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	w.mu.Lock()
	delete(w.owners, in.NodeId)
	w.mu.Unlock()
	return w.RawFileSystem.Flush(cancel, in)
}

// mountWeak mounts a directory for the test and returns the mount point and
// what ends a hang.
func mountWeak(t *testing.T, backing string, weak weakness) (mount string, heal func()) {
	t.Helper()
	needsRoot(t)
	root, err := fs.NewLoopbackRoot(backing)
	require.NoError(t, err)
	options := &fs.Options{}
	if weak.longCache {
		hour := time.Hour
		options.AttrTimeout, options.EntryTimeout = &hour, &hour
	}
	w := &weakFS{RawFileSystem: fs.NewNodeFS(root, options), weakness: weak,
		healed: make(chan struct{}), owners: make(map[uint64]uint64)}
	mount = t.TempDir()
	server, err := fuse.NewServer(w, mount, &fuse.MountOptions{
		EnableLocks: !weak.noLocks, DirectMountStrict: true, FsName: "weak", Name: "weak",
	})
	require.NoError(t, err)
	go server.Serve()
	require.NoError(t, server.WaitMount())
	heal = sync.OnceFunc(func() { close(w.healed) })
	t.Cleanup(func() {
		heal()
		if err := server.Unmount(); err != nil {
			_ = unix.Unmount(mount, unix.MNT_DETACH)
		}
	})
	return mount, heal
}

// fastDirectory is one without a disk, since not its speed is tested.
func fastDirectory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "conclave-fault-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
