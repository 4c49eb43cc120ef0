//go:build postgres

package postgres

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// volume is a small file system of its own, which the server's user may use.
type volume struct {
	t    *testing.T
	root string
}

// newVolume mounts one; it needs root. It has to be made before the server
// that uses it: what was made last goes first.
func newVolume(t *testing.T, size string) *volume {
	t.Helper()
	v := &volume{t: t}
	var err error
	v.root, err = os.MkdirTemp("", "volume") // t.TempDir is closed to the server's user
	require.NoError(t, err)
	require.NoError(t, unix.Mount("tmpfs", v.root, "tmpfs", 0, "mode=0755,size="+size))
	t.Cleanup(func() {
		out, err := exec.Command("umount", v.root).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.NoError(t, os.Remove(v.root))
	})
	return v
}

// directory makes one on the volume that everybody may write to.
func (v *volume) directory(name string) string {
	v.t.Helper()
	dir := filepath.Join(v.root, name)
	require.NoError(v.t, os.Mkdir(dir, 0o700))
	require.NoError(v.t, exec.Command("chown", "postgres", dir).Run())
	return dir
}

// cram takes the very last byte.
func (v *volume) cram() {
	v.t.Helper()
	f, err := os.OpenFile(filepath.Join(v.root, "filler"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	require.NoError(v.t, err)
	defer f.Close()
	for chunk := make([]byte, 64<<10); len(chunk) > 0; {
		if _, err := f.Write(chunk); err != nil {
			require.ErrorIs(v.t, err, unix.ENOSPC)
			chunk = chunk[:len(chunk)/2]
		}
	}
}

// free gives the filler's space back.
func (v *volume) free() { require.NoError(v.t, os.Remove(filepath.Join(v.root, "filler"))) }
