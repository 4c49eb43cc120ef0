package lock

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A directory on a full disk can still be taken over: only then can its
// messages be consumed.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("*** mounting a small file system needs root ***")
	}
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	lease, err := tryAcquire(dir)
	require.NoError(t, err)
	require.NoError(t, lease.Release())

	filler, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, unix.ENOSPC)
	require.NoError(t, filler.Close())
	for range 2 {
		before := lease.Epoch()
		lease, err = tryAcquire(dir)
		require.NoError(t, err)
		require.Equal(t, before+1, lease.Epoch())
		require.NoError(t, lease.Check(t.Context()))
		require.NoError(t, lease.Release())
	}
	holder, err := readEpoch(dir)
	require.NoError(t, err)
	require.EqualValues(t, 3, holder.Epoch)
	left, err := filepath.Glob(filepath.Join(dir, "*"+temporarySuffix))
	require.NoError(t, err)
	require.Empty(t, left)
}
