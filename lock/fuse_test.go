package lock

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Two FUSE mounts of one directory are two hosts of a network file system:
// each has a kernel cache of its own, and locks go to the directory beneath or,
// if they are switched off, stay in the mount.

// faultyFS answers no request that changes or locks anything while it hangs.
type faultyFS struct {
	fuse.RawFileSystem
	gate sync.RWMutex // held for writing while the storage hangs
}

func (f *faultyFS) pass() {
	f.gate.RLock()
	defer f.gate.RUnlock()
}

func (f *faultyFS) Write(c <-chan struct{}, in *fuse.WriteIn, b []byte) (uint32, fuse.Status) {
	f.pass()
	return f.RawFileSystem.Write(c, in, b)
}

func (f *faultyFS) Fsync(c <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	f.pass()
	return f.RawFileSystem.Fsync(c, in)
}

func (f *faultyFS) SetLk(c <-chan struct{}, in *fuse.LkIn) fuse.Status {
	f.pass()
	return f.RawFileSystem.SetLk(c, in)
}

// playFuse mounts and obeys: "hang", "heal", and the end of input to unmount.
func playFuse(backing, mount string, locks bool) error {
	root, err := fs.NewLoopbackRoot(backing)
	if err != nil {
		return err
	}
	faulty := &faultyFS{RawFileSystem: fs.NewNodeFS(root, &fs.Options{})}
	server, err := fuse.NewServer(faulty, mount, &fuse.MountOptions{
		EnableLocks: locks, DirectMountStrict: true, FsName: backing, Name: "conclavetest",
	})
	if err != nil {
		return err
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return err
	}
	say("mounted")
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		switch s.Text() {
		case "hang":
			faulty.gate.Lock()
		case "heal":
			faulty.gate.Unlock()
		}
		say("done", s.Text())
	}
	return server.Unmount()
}

// mountFuse mounts a directory for the test and returns the mount point.
func mountFuse(t *testing.T, backing string, locks bool) (string, *helper) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount FUSE")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("needs /dev/fuse")
	}
	mount := t.TempDir()
	h := start(t, "fuse", backing, mount, locks)
	h.expect("mounted")
	t.Cleanup(func() {
		_ = unix.Unmount(mount, unix.MNT_DETACH)
		h.finish()
	})
	return mount, h
}

func (h *helper) obey(command string) {
	_, err := h.stdin.Write([]byte(command + "\n"))
	require.NoError(h.t, err)
	h.expect("done " + command)
}

func TestTwoHostsExcludeEachOther(t *testing.T) {
	backing := memoryDir(t)
	one, _ := mountFuse(t, backing, true)
	two, _ := mountFuse(t, backing, true)
	fileSystem, err := Detect(one)
	require.NoError(t, err)
	require.Equal(t, "fuse (network)", fileSystem.String())

	a := start(t, "broker", filepath.Join(one, "kahadb"))
	require.EqualValues(t, 1, a.epoch())
	b := start(t, "broker", filepath.Join(two, "kahadb"))
	require.Contains(t, b.expect("slave mode"), "fuse (network)")
	status, err := ReadHolder(filepath.Join(two, "kahadb"))
	require.NoError(t, err)
	require.True(t, status.Held)
	require.Equal(t, a.cmd.Process.Pid, status.Holder.PID)
	a.kill()
	require.EqualValues(t, 2, b.epoch())
	require.NotContains(t, strings.Join(b.said(), "\n"), "waiting until it must have noticed")
}

func TestHungStorage(t *testing.T) {
	mount, storage := mountFuse(t, memoryDir(t), true)
	o := quick(mount)
	o.Window = 500 * time.Millisecond
	locker, err := NewFile(o)
	require.NoError(t, err)
	lease, err := locker.Acquire(t.Context())
	require.NoError(t, err)

	// A pause that is shorter than the grace period costs only the pause.
	storage.obey("hang")
	require.Eventually(t, func() bool { return !lease.Valid() }, 5*time.Second, time.Millisecond)
	storage.obey("heal")
	require.Eventually(t, lease.Valid, 5*time.Second, time.Millisecond)

	storage.obey("hang")
	began := time.Now()
	<-lease.Lost()
	require.Less(t, time.Since(began), 5*time.Second)
	require.False(t, lease.Valid())
	require.ErrorIs(t, lease.Cause(), ErrHung)
	require.ErrorIs(t, lease.Release(), ErrHung, "nobody waits for the storage")
	storage.obey("heal")
	require.NoError(t, lease.Release())
}

// Where locks do not exclude, the second finds out by what the holder writes,
// and waits for as long as it does. A holder that could write nothing for its
// window finds out by what the second wrote.
func TestBrokenLocksAreNoticed(t *testing.T) {
	backing := memoryDir(t)
	one, storage := mountFuse(t, backing, false)
	two, _ := mountFuse(t, backing, false)
	a := start(t, "broker", one)
	require.EqualValues(t, 1, a.epoch())
	b := start(t, "broker", two)
	b.expect("locks do not exclude")
	b.expect("slave mode")
	storage.obey("hang")
	require.EqualValues(t, 2, b.epoch())
	storage.obey("heal")
	a.expect("lost")
	b.finish()
	require.NotContains(t, strings.Join(b.said(), "\n"), "lost")
}
