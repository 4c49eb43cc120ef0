package journal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
)

// TestHole: zeros in place of a batch in the middle, as a lost write leaves
// them, are no end: what follows is served and the hole is reported.
func TestHole(t *testing.T) {
	_, name, content := tenBatches(t)
	offsets := batchOffsets(content)
	from, to := offsets[4], offsets[6]
	clear(content[from:to])
	disk := vfs.NewMemory()
	overwrite(t, disk, name, append(content, make([]byte, 3*scanBuffer)...))
	j := mustOpen(t, testOptions(disk, "/j"))
	require.Equal(t, upTo(10, 4, 5), sequences(t, j, testQueue))
	require.Equal(t, []Damage{{File: fileName(1), Offset: from, Length: to - from, Reason: batchZeros.String()}}, j.Damage())
	require.NoError(t, j.Close())
}
