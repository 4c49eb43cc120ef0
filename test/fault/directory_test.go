//go:build fault

package fault

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/test/harness"
)

// unusable is a directory that cannot be used.
type unusable struct {
	name string
	dir  func(t *testing.T) string
	set  settings
	code int // exit code
	says []string
}

// culprit is what the message has to name.
func (u unusable) culprit(dir string) string {
	if u.name == "below a file" {
		return filepath.Dir(dir)
	}
	return dir
}

// A directory that cannot be used ends the start with an exit code and a
// message that names it.
func TestUnusableDirectory(t *testing.T) {
	t.Parallel()
	for _, row := range []unusable{
		{"a file", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "kahadb")
			require.NoError(t, os.WriteFile(path, []byte("x"), 0o644))
			return path
		}, settings{}, 1, []string{"not a directory"}},
		{"below a file", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "file")
			require.NoError(t, os.WriteFile(path, []byte("x"), 0o644))
			return filepath.Join(path, "kahadb")
		}, settings{}, 1, []string{"not a directory"}},
		{"read-only, new", func(t *testing.T) string {
			return readOnly(t, t.TempDir())
		}, settings{}, 1, []string{"read-only file system"}},
		{"read-only, with messages", func(t *testing.T) string {
			return readOnly(t, withMessages(t, 10))
		}, settings{}, 1, []string{"read-only file system"}},
		{"held, with failIfLocked", func(t *testing.T) string {
			return newNode(t, "", settings{name: "holder"}).serve().dir
		}, settings{kahaDB: "locker: {shared-file-locker: {failIfLocked: true}}"}, 6, []string{"is held by broker holder (host "}},
		{"lock is a directory", func(t *testing.T) string {
			dir := withMessages(t, 10)
			require.NoError(t, os.Remove(filepath.Join(dir, "lock")))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "lock"), 0o755))
			return dir
		}, settings{}, 1, []string{"lock: is a directory"}},
		{"lock is not to be written", func(t *testing.T) string {
			needsRoot(t)
			dir := withMessages(t, 10)
			path := filepath.Join(dir, "lock")
			require.NoError(t, unix.Mount(path, path, "", unix.MS_BIND, ""))
			t.Cleanup(func() { _ = unix.Unmount(path, 0) })
			require.NoError(t, unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			return dir
		}, settings{}, 1, []string{"lock: read-only file system"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := row.dir(t)
			var before map[string]string
			if row.code == 1 && isDirectory(dir) {
				before = contents(t, dir)
			}
			n := newNode(t, dir, row.set).start()
			require.Equal(t, row.code, n.ends(), "exit code")
			line := n.line("conclave: ")
			require.Contains(t, line, row.culprit(dir), "it names what is wrong")
			for _, words := range row.says {
				require.Contains(t, line, words)
			}
			require.False(t, n.listening())
			if before != nil {
				require.Equal(t, before, contents(t, dir), "nothing is changed")
			}
		})
	}
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// withMessages is a directory that a broker has left.
func withMessages(t *testing.T, entries int) string {
	t.Helper()
	n := newNode(t, "", settings{}).serve()
	newSender(t, n.url(), harness.NewLedger(), "p").sendAll(t, entries)
	n.stop()
	return n.dir
}

// readOnly mounts a directory over itself so that nobody can write there.
func readOnly(t *testing.T, dir string) string {
	t.Helper()
	needsRoot(t)
	require.NoError(t, unix.Mount(dir, dir, "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	require.NoError(t, unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	return dir
}

// A user who may not open the lock file is told which file it is.
func TestUnreadableLock(t *testing.T) {
	t.Parallel()
	n := newNode(t, "", settings{})
	require.NoError(t, os.MkdirAll(n.dir, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(n.dir, "lock"), nil, 0o000))
	argv := []string{lab.binary, "start", "-c", n.file}
	if os.Getuid() == 0 { // whom no mode stops
		require.NoError(t, os.Chmod(n.file, 0o644))
		for _, dir := range []string{n.dir, n.work, filepath.Dir(n.work), filepath.Dir(lab.binary)} {
			require.NoError(t, os.Chmod(dir, 0o777))
		}
		argv = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, argv...)
	}
	var err error
	n.process, err = harness.StartProcess(n.work, n.log, []string{"CONCLAVE_RUNTIME_DIR=" + filepath.Join(n.work, "run")}, argv...)
	require.NoError(t, err)
	require.Equal(t, 1, n.ends())
	require.Contains(t, n.line("conclave: "), filepath.Join(n.dir, "lock")+": permission denied")
}

// A directory with something odd in it is served with all its messages.
func TestOddDirectory(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		do   func(t *testing.T, dir string)
		says string // in one line of the log, which is above INFO; "" where nothing is odd
		file string // that the line names
	}{
		{"missing", func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(dir)) }, "", ""},
		{"foreign files", foreignFiles, "", ""},
		{"garbage for an epoch", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "conclave.epoch"), []byte("\x00\xFFgarbage"), 0o644))
		}, "damaged epoch file", "conclave.epoch"},
		{"an empty epoch", func(t *testing.T, dir string) {
			require.NoError(t, os.Truncate(filepath.Join(dir, "conclave.epoch"), 0))
		}, "damaged epoch file", "conclave.epoch"},
		{"no epoch", func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "conclave.epoch"))) }, "", ""},
		{"garbage in the lock file", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "lock"), make([]byte, 5000), 0o644))
		}, "", ""},
		{"garbage for ActiveMQ's index", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "db.data"), make([]byte, 100_000), 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "db.redo"), []byte("garbage"), 0o644))
		}, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, "", settings{}).serve()
			ledger := harness.NewLedger()
			newSender(t, n.url(), ledger, "p").sendAll(t, 50)
			n.stop()
			epoch := n.epoch()
			row.do(t, n.dir)
			if row.name == "missing" {
				ledger, epoch = harness.NewLedger(), 0
			}
			n.again()
			require.Greater(t, n.epoch(), epoch, "epochs only rise")
			if row.says != "" {
				require.Contains(t, n.line(row.says), filepath.Join(n.dir, row.file))
			} else {
				require.Zero(t, n.count("level=WARN")+n.count("level=ERROR"))
			}
			newSender(t, n.url(), ledger, "later").sendAll(t, 5)
			n.stop()
			n.again()
			require.Zero(t, n.count("level=WARN")+n.count("level=ERROR"), "it is repaired")
			drain(t, n.url(), ledger)
			if row.name == "foreign files" {
				checkForeignFiles(t, n.dir)
			}
		})
	}
}

var foreign = map[string]string{
	"notes.txt": "hello", "db-1.log.bak": "x", "db-x.log": "x", "db-.log": "x", "db-99999999999999999999.log": "x",
	"db--1.log": "x", "DB-1.LOG": "x", ".hidden": "x", "archive/db-1.log": "x", "backup.spare": "x",
}

func foreignFiles(t *testing.T, dir string) {
	for name, text := range foreign {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	require.NoError(t, os.Symlink("/nowhere", filepath.Join(dir, "dangling")))
	require.NoError(t, exec.Command("mkfifo", filepath.Join(dir, "pipe")).Run())
}

func checkForeignFiles(t *testing.T, dir string) {
	for name, text := range foreign {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, text, string(got), name)
	}
}
