package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
)

// TestGuardIsTold: a file that a deposed master begins is set aside at once,
// as often as it begins it, and none of them is lost.
func TestGuardIsTold(t *testing.T) {
	disk, numbers := paused(t)
	o := smallFiles(vfs.OS{})
	o.Directory = onDisk(t, disk)
	j := mustOpen(t, o)
	foreign := filepath.Join(o.Directory, fileName(numbers[len(numbers)-1]+2))
	for _, aside := range []string{foreign + ".orphan", foreign + ".2.orphan", foreign + ".3.orphan"} {
		// as one write, so that the guard does not see it empty
		require.NoError(t, os.WriteFile(foreign+".tmp", []byte(aside), 0o600))
		began := time.Now()
		require.NoError(t, os.Rename(foreign+".tmp", foreign))
		require.Eventually(t, func() bool { _, err := os.Stat(foreign); return os.IsNotExist(err) }, 5*time.Second, time.Millisecond)
		t.Log(time.Since(began))
		content, err := os.ReadFile(aside)
		require.NoError(t, err)
		require.Equal(t, aside, string(content))
	}
	require.NoError(t, os.Remove(filepath.Join(o.Directory, fileName(numbers[0]))))
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(o.Directory, fileName(numbers[0])))
		return err == nil
	}, 5*time.Second, time.Millisecond)
	require.NoError(t, j.Close())
}

// TestGuardLooksALastTime: whoever closes the journal has set aside what there
// is to set aside.
func TestGuardLooksALastTime(t *testing.T) {
	disk, numbers := paused(t)
	j := mustOpen(t, smallFiles(disk))
	overwrite(t, disk, "/j/"+fileName(numbers[len(numbers)-1]+2), []byte("late"))
	require.NoError(t, j.Close())
	require.Len(t, names(t, disk, ".orphan"), 1)
}

// TestGuardWithoutRival: where no ActiveMQ was before, files of a deposed
// master are set aside all the same if somebody tells.
func TestGuardWithoutRival(t *testing.T) {
	o := smallFiles(vfs.OS{})
	o.Directory = t.TempDir()
	require.NoError(t, mustOpen(t, o).Close())
	j := mustOpen(t, o)
	foreign := filepath.Join(o.Directory, fileName(50))
	require.NoError(t, os.WriteFile(foreign, []byte("x"), 0o600))
	require.Eventually(t, func() bool { _, err := os.Stat(foreign + ".orphan"); return err == nil }, 5*time.Second, time.Millisecond)
	require.NoError(t, j.Close())
}
