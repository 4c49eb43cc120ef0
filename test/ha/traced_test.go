//go:build traced

package ha

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// TestSlaveIsTraced: promise P8, as the kernel sees it: a slave opens what it
// opens in the directory for reading, but for the lock.
func TestSlaveIsTraced(t *testing.T) {
	strace, err := exec.LookPath("strace")
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	fill(t, a.url(), 100)
	b := newNode(t, "b", dir)
	bin, err := binary()
	require.NoError(t, err)
	trace := filepath.Join(b.work, "trace")
	b.process, err = harness.StartProcess(b.work, b.log, b.env, strace, "-f", "-qq", "-y", "-o", trace, "-e", "trace=file,desc", bin, "start", "-c", b.file)
	require.NoError(t, err)
	b.waitFollowing()
	s, _ := b.status()
	t.Cleanup(func() { // strace does not take the process with it
		if b.process.Running() {
			_ = syscall.Kill(s.PID, syscall.SIGKILL)
		}
	})
	fill(t, a.url(), 1000)
	_, code := b.command("stop", "-c", b.file)
	require.Zero(t, code)
	require.Zero(t, b.ends(startLimit))
	text, err := os.ReadFile(trace)
	require.NoError(t, err)
	changes := regexp.MustCompile(`^\d+ +(write|pwrite64|pwritev|writev|ftruncate|truncate|fallocate|rename|renameat|renameat2|unlink|unlinkat|mkdir|mkdirat|link|linkat|symlinkat|fsync|fdatasync|utimensat|fchmod|chmod|fchmodat|copy_file_range|sendfile)\(`)
	opens := 0
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, dir) || strings.Contains(line, "/lock") {
			continue
		}
		require.NotRegexp(t, changes, line)
		if strings.Contains(line, "openat(") {
			opens++
			require.Contains(t, line, "O_RDONLY")
			require.NotContains(t, line, "O_CREAT")
		}
	}
	require.Greater(t, opens, 10, "it has followed")
}
