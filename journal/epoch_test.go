package journal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
)

func TestLastEpoch(t *testing.T) {
	disk := vfs.NewMemory()
	require.Zero(t, lastEpoch(disk, "/j"))
	for epoch := uint64(1); epoch <= 3; epoch++ {
		j := mustOpen(t, testOptions(disk, "/j"))
		require.Equal(t, epoch, j.Epoch())
		require.Equal(t, epoch, lastEpoch(disk, "/j"))
		require.NoError(t, j.Close())
	}
	overwrite(t, disk, "/j/db-9000.log", nil)
	overwrite(t, disk, "/j/db-9001.log", []byte("garbage"))
	require.EqualValues(t, 3, lastEpoch(disk, "/j"))
	require.Zero(t, LastEpoch(t.TempDir()+"/missing"))
}
