package vfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The ways of Claim that a local file system does not need.
func TestClaimWithoutRename(t *testing.T) {
	for name, claim := range map[string]func(a, b string) error{"link": claimByLink, "look": claimByLook} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			require.NoError(t, os.WriteFile(a, []byte("new"), 0o600))
			require.NoError(t, os.WriteFile(b, []byte("old"), 0o600))
			require.ErrorIs(t, claim(a, b), fs.ErrExist)
			content, err := os.ReadFile(b)
			require.NoError(t, err)
			require.Equal(t, "old", string(content))

			require.NoError(t, os.Remove(b))
			require.NoError(t, claim(a, b))
			content, err = os.ReadFile(b)
			require.NoError(t, err)
			require.Equal(t, "new", string(content))
			require.NoFileExists(t, a)
		})
	}
}

// A network file system may carry a request out twice.
func TestClaimThatWasCarriedOutAlready(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	require.NoError(t, os.WriteFile(a, []byte("new"), 0o600))
	require.NoError(t, os.Link(a, b))
	require.NoError(t, claimByLink(a, b))
	require.NoFileExists(t, a)
	require.FileExists(t, b)
}
