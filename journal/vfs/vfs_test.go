package vfs_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
)

func write(t *testing.T, f vfs.File, data string, offset int64) {
	n, err := f.WriteAt([]byte(data), offset)
	require.NoError(t, err)
	require.Equal(t, len(data), n)
}

func read(t *testing.T, system vfs.FS, name string) string {
	f, err := system.Open(name)
	require.NoError(t, err)
	defer f.Close()
	size, err := f.Size()
	require.NoError(t, err)
	b := make([]byte, size)
	n, _ := f.ReadAt(b, 0)
	require.Equal(t, len(b), n)
	return string(b)
}

// TestFileSystems: both behave alike.
func TestFileSystems(t *testing.T) {
	for name, system := range map[string]vfs.FS{"os": vfs.OS{}, "memory": vfs.NewMemory()} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			require.NoError(t, system.MkdirAll(dir))
			f, err := system.Create(a)
			require.NoError(t, err)
			write(t, f, "hello", 0)
			write(t, f, "world", 7)
			require.NoError(t, f.Sync())
			require.Equal(t, "hello\x00\x00world", read(t, system, a))
			size, err := system.Size(a)
			require.NoError(t, err)
			require.Equal(t, int64(12), size)
			n, err := f.ReadAt(make([]byte, 10), 8)
			require.Equal(t, 4, n)
			require.Error(t, err)
			require.NoError(t, system.Rename(a, b))
			write(t, f, "H", 0)
			require.Equal(t, "Hello\x00\x00world", read(t, system, b))
			names, err := system.List(dir)
			require.NoError(t, err)
			require.Equal(t, []string{"b"}, names)
			require.NoError(t, f.Close())
			require.ErrorIs(t, f.Close(), fs.ErrClosed)
			_, err = system.Open(a)
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.ErrorIs(t, system.Rename(a, b), fs.ErrNotExist)
			require.ErrorIs(t, system.Remove(a), fs.ErrNotExist)
			_, err = system.Size(a)
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.NoError(t, system.SyncDir(dir))
			g, err := system.Create(a)
			require.NoError(t, err)
			require.NoError(t, g.Close())
			require.ErrorIs(t, system.Claim(a, b), fs.ErrExist)
			require.Equal(t, "Hello\x00\x00world", read(t, system, b))
			require.NoError(t, system.Remove(b))
			require.NoError(t, system.Claim(a, b))
			require.ErrorIs(t, system.Claim(a, b), fs.ErrNotExist)
			names, err = system.List(dir)
			require.NoError(t, err)
			require.Equal(t, []string{"b"}, names)
			require.NoError(t, system.Remove(b))
		})
	}
}

// TestCrash: what was not synced, contents and names, is lost.
func TestCrash(t *testing.T) {
	m := vfs.NewMemory()
	f, err := m.Create("/d/kept")
	require.NoError(t, err)
	write(t, f, "old", 0)
	require.NoError(t, f.Sync())
	names, err := m.Crash(nil).List("/d")
	require.NoError(t, err)
	require.Empty(t, names, "the name was not synced")
	require.NoError(t, m.SyncDir("/d"))
	write(t, f, "new and longer", 0)
	_, err = m.Create("/d/fresh")
	require.NoError(t, err)
	crashed := m.Crash(nil)
	require.Equal(t, "old", read(t, crashed, "/d/kept"))
	names, err = crashed.List("/d")
	require.NoError(t, err)
	require.Equal(t, []string{"kept"}, names)
	require.Equal(t, "new and longer", read(t, m.Snapshot(), "/d/kept"))
	require.NoError(t, m.Remove("/d/kept"))
	require.Equal(t, "old", read(t, m.Crash(nil), "/d/kept"), "the removal was not synced")
	require.NoError(t, m.SyncDir("/d"))
	names, err = m.Crash(nil).List("/d")
	require.NoError(t, err)
	require.Equal(t, []string{"fresh"}, names)
}

// TestCrashAtRandom: each sector is old or new.
func TestCrashAtRandom(t *testing.T) {
	m := vfs.NewMemory()
	f, err := m.Create("/d/f")
	require.NoError(t, err)
	fill := func(c byte) string { return string(slices.Repeat([]byte{c}, 512)) }
	write(t, f, fill('a')+fill('a'), 0)
	require.NoError(t, f.Sync())
	require.NoError(t, m.SyncDir("/d"))
	write(t, f, fill('b')+fill('b'), 0)
	seen := map[string]bool{}
	random := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		got := read(t, m.Crash(random), "/d/f")
		require.Len(t, got, 1024)
		seen[got[:1]+got[512:513]] = true
		require.Equal(t, fill(got[0])+fill(got[512]), got)
	}
	require.Len(t, seen, 4)
}

// TestCapacity: ENOSPC when it is reached, and space from what is removed.
func TestCapacity(t *testing.T) {
	m := vfs.NewMemory()
	m.SetCapacity(100)
	f, err := m.Create("/d/f")
	require.NoError(t, err)
	write(t, f, string(make([]byte, 90)), 0)
	_, err = f.WriteAt(make([]byte, 20), 85)
	require.ErrorIs(t, err, syscall.ENOSPC)
	write(t, f, string(make([]byte, 20)), 60)
	require.Equal(t, int64(90), m.Used())
	require.NoError(t, m.Remove("/d/f"))
	require.Zero(t, m.Used())
}

// TestFaulty: the fault comes instead of the operation.
func TestFaulty(t *testing.T) {
	m := vfs.NewMemory()
	broken := errors.New("broken")
	var fail vfs.Call
	armed := false
	system := &vfs.Faulty{FS: m, Fault: func(call vfs.Call, _ string) error {
		if armed && call == fail {
			return broken
		}
		return nil
	}}
	f, err := system.Create("/d/f")
	require.NoError(t, err)
	armed, fail = true, vfs.CallWrite
	_, err = f.WriteAt([]byte("x"), 0)
	require.ErrorIs(t, err, broken)
	require.Empty(t, read(t, m, "/d/f"))
	fail = vfs.CallSync
	require.ErrorIs(t, f.Sync(), broken)
	fail = vfs.CallRename
	require.ErrorIs(t, system.Rename("/d/f", "/d/g"), broken)
	fail = vfs.CallClose
	require.ErrorIs(t, f.Close(), broken)
}
