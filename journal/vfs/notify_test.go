package vfs_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
)

func TestNotify(t *testing.T) {
	dir := t.TempDir()
	names := make(chan string, 100)
	stop, err := vfs.OS{}.Notify(dir, func(name string) { names <- name })
	require.NoError(t, err)
	before, err := vfs.OS{}.Changed(dir)
	require.NoError(t, err)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "some longer name")
	require.NoError(t, os.WriteFile(a, []byte("x"), 0o600))
	require.NoError(t, os.Rename(a, b))
	require.NoError(t, os.Remove(b))
	for _, expected := range []string{"a", "a", "some longer name", "some longer name"} {
		select {
		case name := <-names:
			require.Equal(t, expected, name)
		case <-time.After(5 * time.Second):
			require.Fail(t, "nothing is told", expected)
		}
	}
	after, err := vfs.OS{}.Changed(dir)
	require.NoError(t, err)
	require.Greater(t, after, before)
	stop()
	require.NoError(t, os.WriteFile(a, nil, 0o600))
	require.Empty(t, names)
	_, err = vfs.OS{}.Notify(a, nil)
	require.Error(t, err, "no directory")
}
