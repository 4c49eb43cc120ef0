package journal

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
)

// lateFS is a file system on which a deposed master's file gets its name just
// before somebody claims the same.
type lateFS struct {
	vfs.FS
	late func(name string)
}

func (f *lateFS) Claim(oldName, newName string) error {
	if late := f.late; late != nil {
		f.late = nil
		late(newName)
	}
	return f.FS.Claim(oldName, newName)
}

// Two masters that took over one after the other have found the same files and
// so the same number for their first. The deposed one's must neither replace
// its successor's nor count.
func TestFirstFileOfADeposedMasterComesLate(t *testing.T) {
	disk, other := vfs.NewMemory(), vfs.NewMemory()
	j := mustOpen(t, testOptions(disk, "/j"))
	addMessages(t, j, 1, 1)
	require.NoError(t, j.Close())
	copyFile(t, disk, other, "/j/db-1.log")

	deposed := mustOpen(t, testOptions(other, "/j"))
	addMessages(t, deposed, 2, 2)
	require.NoError(t, deposed.Close())

	var taken string
	j = mustOpen(t, testOptions(&lateFS{FS: disk, late: func(name string) {
		taken = name
		copyFile(t, other, disk, name)
	}}, "/j"))
	require.Equal(t, "/j/db-101.log", taken)
	require.EqualValues(t, 201, j.writer.current.number)
	addMessages(t, j, 3, 3)
	require.NoError(t, j.Close())

	j = mustOpen(t, testOptions(disk, "/j"))
	defer func() { require.NoError(t, j.Close()) }()
	require.Equal(t, []int64{1, 3}, sequences(t, j, testQueue))
	names, err := disk.List("/j")
	require.NoError(t, err)
	require.Contains(t, names, "db-101.log.orphan")
}

func copyFile(t *testing.T, from, to vfs.FS, name string) {
	size, err := from.Size(name)
	require.NoError(t, err)
	f, err := from.Open(name)
	require.NoError(t, err)
	content := make([]byte, size)
	_, err = f.ReadAt(content, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, to.MkdirAll(filepath.Dir(name)))
	overwrite(t, to, name, content)
}
