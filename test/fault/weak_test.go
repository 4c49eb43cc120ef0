//go:build fault

package fault

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
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
	NoLocks     bool // the kernel keeps them to itself: another mount does not know of them
	GrantsAll   bool // every lock is granted to everybody
	Trap        bool // closing any descriptor of a file lets go of its locks
	GapInRename bool // the old file goes before the new one is there
	EmptySync   bool // fsync does nothing
	FailingSync bool // fsync is EIO
	HangingSync bool // fsync hangs until healed
	HangingStat bool // the mount's root hangs until healed
	LongCache   bool // attributes and names are kept for an hour
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
	if w.GapInRename {
		w.RawFileSystem.Unlink(cancel, &fuse.InHeader{NodeId: in.Newdir}, newName) // it may not be there
		<-time.After(time.Millisecond)
	}
	return w.RawFileSystem.Rename(cancel, in, oldName, newName)
}

func (w *weakFS) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	switch {
	case w.EmptySync:
		return fuse.OK
	case w.FailingSync:
		return fuse.EIO
	case w.HangingSync:
		<-w.healed
	}
	return w.RawFileSystem.Fsync(cancel, in)
}

func (w *weakFS) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if w.HangingStat && in.NodeId == fuse.FUSE_ROOT_ID {
		<-w.healed
	}
	return w.RawFileSystem.GetAttr(cancel, in, out)
}

func (w *weakFS) SetLk(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	switch {
	case w.GrantsAll:
		return fuse.OK
	case w.Trap:
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

// Open and Create keep the kernel from passing reads and writes to the
// directory beneath on its own.
func (w *weakFS) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	status := w.RawFileSystem.Open(cancel, in, out)
	w.keep(out)
	return status
}

func (w *weakFS) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	status := w.RawFileSystem.Create(cancel, in, name, out)
	w.keep(&out.OpenOut)
	return status
}

func (w *weakFS) keep(out *fuse.OpenOut) {
	out.OpenFlags &^= fuse.FOPEN_PASSTHROUGH
	out.BackingID = 0
	if w.LongCache {
		out.OpenFlags |= fuse.FOPEN_KEEP_CACHE
	}
}

// mountVariable has what a process of this binary is to mount, as JSON.
const mountVariable = "CONCLAVE_FAULT_MOUNT"

type mountOrder struct {
	Backing, Mount string
	Weak           weakness
}

// serveMount is a process that serves one mount: the end of its input ends it,
// a line ends a hang. Its own process, since whatever another test starts would
// inherit the files that it has open, and their locks.
func serveMount(order string) error {
	var o mountOrder
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		return err
	}
	root, err := fs.NewLoopbackRoot(o.Backing)
	if err != nil {
		return err
	}
	options := &fs.Options{}
	if o.Weak.LongCache {
		hour := time.Hour
		options.AttrTimeout, options.EntryTimeout = &hour, &hour
	}
	w := &weakFS{RawFileSystem: fs.NewNodeFS(root, options), weakness: o.Weak,
		healed: make(chan struct{}), owners: make(map[uint64]uint64)}
	server, err := fuse.NewServer(w, o.Mount, &fuse.MountOptions{
		EnableLocks: !o.Weak.NoLocks, DirectMountStrict: true, FsName: "weak", Name: "weak",
	})
	if err != nil {
		return err
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return err
	}
	fmt.Println("mounted")
	heal := sync.OnceFunc(func() { close(w.healed) })
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		heal()
	}
	heal()
	return server.Unmount()
}

// mountWeak mounts a directory for the test and returns the mount point and
// what ends a hang.
func mountWeak(t *testing.T, backing string, weak weakness) (mount string, heal func()) {
	t.Helper()
	needsRoot(t)
	mount = t.TempDir()
	order, err := json.Marshal(mountOrder{backing, mount, weak})
	require.NoError(t, err)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), mountVariable+"="+string(order))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = unix.Unmount(mount, unix.MNT_DETACH)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "mounted\n", line)
	return mount, func() {
		_, err := in.Write([]byte("heal\n"))
		require.NoError(t, err)
	}
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
