package journal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// A file that was rewritten ends earlier than its successor says; that is no
// damage, neither to who opens the journal nor to who has followed it.
func TestRewrittenFileHasNotLostItsEnd(t *testing.T) {
	disk := vfs.NewMemory()
	o := smallFiles(disk)
	j := mustOpen(t, o)
	ops := fillFiles(t, j, 3)
	f := follow(t, disk)
	step(t, f)
	for _, op := range ops[1:] {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	require.NoError(t, j.CompactAll())
	require.Positive(t, j.Compaction().Files)
	step(t, f)
	addMessages(t, j, 100_000, 100_000)
	step(t, f)
	require.NoError(t, j.Close())

	require.True(t, promoted(t, disk, f))
	j = mustOpen(t, o)
	defer func() { require.NoError(t, j.Close()) }()
	require.Empty(t, j.Damage())
}

// While files are held for a backup none is replaced.
func TestHeldFilesAreNotRewritten(t *testing.T) {
	j := mustOpen(t, smallFiles(vfs.NewMemory()))
	defer func() { require.NoError(t, j.Close()) }()
	ops := fillFiles(t, j, 2)
	for _, op := range ops[1:] {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	h, err := j.Hold(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, j.CompactAll(), errHeld)
	require.Zero(t, j.Compaction().Files)
	h.Release()
	require.NoError(t, j.CompactAll())
	require.Positive(t, j.Compaction().Files)
}
