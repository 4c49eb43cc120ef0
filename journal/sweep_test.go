package journal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
)

// sweptFS notes what is left of earlier masters when a journal file is first
// read.
type sweptFS struct {
	vfs.FS
	read bool
	left []string
}

func (f *sweptFS) Open(name string) (vfs.File, error) {
	if !f.read && strings.HasSuffix(name, ".log") {
		f.read = true
		names, err := f.List("/j")
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			if isSpare(n) {
				f.left = append(f.left, n)
			}
		}
	}
	return f.FS.Open(name)
}

// A deposed master's rename of its copy over the newest file can only come
// true while the copy is there: it is gone before that file is read.
func TestCopiesAreSweptBeforeAnythingIsRead(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, testOptions(disk, "/j"))
	addMessages(t, j, 1, 1)
	require.NoError(t, j.Close())
	overwrite(t, disk, "/j/db-1-copy-abc.spare", []byte("late"))
	overwrite(t, disk, "/j/db-9-1.spare", []byte("late"))

	swept := &sweptFS{FS: disk}
	j = mustOpen(t, testOptions(swept, "/j"))
	defer func() { require.NoError(t, j.Close()) }()
	require.True(t, swept.read)
	require.Empty(t, swept.left)
	require.Equal(t, []int64{1}, sequences(t, j, testQueue))
}
