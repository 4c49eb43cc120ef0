//go:build fault

package fault

import (
	"bufio"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// checkStorage runs the command and returns what it printed and its exit code.
func checkStorage(t *testing.T, args ...string) (string, int) {
	t.Helper()
	began := time.Now()
	out, err := exec.Command(lab.binary, append([]string{"check-storage"}, args...)...).CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		require.NoError(t, err)
	}
	require.Less(t, time.Since(began), patience, "it is bounded")
	code := 0
	if ended != nil {
		code = ended.ExitCode()
	}
	t.Logf("check-storage %s: exit code %d after %v\n%s", strings.Join(args, " "), code, time.Since(began), out)
	return string(out), code
}

// lineOf is the line of one check, of this host or of the other.
func lineOf(t *testing.T, out, check string, peer bool) string {
	t.Helper()
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[1] == check && strings.HasPrefix(fields[2], "[") == peer {
			return line
		}
	}
	require.Fail(t, "no line", "of %s in\n%s", check, out)
	return ""
}

// A mount with a weakness: what the command says of it.
func TestCheckStorageOfWeakMounts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		weak  weakness
		code  int
		check string // whose line is looked at
		says  []string
		flags []string
	}{
		{"nothing wrong", weakness{}, 3, "mount",
			[]string{"WARN", "fuse.weak on ", "depends on the program behind it", "run check-storage with --listen and --peer"}, nil},
		{"locks that stay in one mount", weakness{NoLocks: true}, 3, "exclusion", // only a peer finds that
			[]string{"OK"}, nil},
		{"locks granted to everybody", weakness{GrantsAll: true}, 1, "exclusion",
			[]string{"UNSAFE", "flock and OFD lock beside the other's flock and OFD lock", "Two brokers would be master", "Remedy: switch locks on"}, nil},
		{"any close lets go", weakness{Trap: true}, 1, "aliasing",
			[]string{"UNSAFE", "closing another descriptor of the lock file let go of the lock", "Remedy"}, nil},
		{"a gap in rename", weakness{GapInRename: true}, 3, "rename", // one kernel hides it from itself; a peer sees it
			[]string{"OK"}, nil},
		{"empty sync", weakness{EmptySync: true}, 3, "sync",
			[]string{"WARN", "faster than any medium", "Remedy"}, nil},
		{"failing sync", weakness{FailingSync: true}, 1, "write",
			[]string{"UNSAFE", "fdatasync", "input/output error", "Remedy: see the kernel's log"}, nil},
		{"hanging sync", weakness{HangingSync: true}, 1, "write",
			[]string{"UNSAFE", "the storage hangs: fdatasync write-1 has not returned after 1s", "Remedy: see that the server answers"},
			[]string{"--call-timeout", "1s"}},
		{"hanging mount", weakness{HangingStat: true}, 1, "mount",
			[]string{"UNSAFE", "the storage hangs: stat ", " has not returned after 1s"},
			[]string{"--call-timeout", "1s"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			backing := fastDirectory(t)
			if row.name == "nothing wrong" {
				backing = t.TempDir() // whose syncs are real
			}
			mount, _ := mountWeak(t, backing, row.weak)
			out, code := checkStorage(t, append(row.flags, mount)...)
			require.Equal(t, row.code, code)
			line := lineOf(t, out, row.check, false)
			for _, words := range row.says {
				require.Contains(t, line, words)
			}
			require.Regexp(t, map[int]string{1: `(?m)^verdict: UNSAFE \(.*` + row.check, 3: `(?m)^verdict: WARN \(mount`}[code], out)
		})
	}
}

// Other directories that there are.
func TestCheckStorageOfDirectories(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		dir   func(t *testing.T) string
		codes []int
		says  []string
	}{
		{"a disk", func(t *testing.T) string { return fileSystems["ext4"](t).root }, []int{3}, []string{"ext4 on ", "local, for brokers of this host", "less than 4 journal files"}},
		{"memory", func(t *testing.T) string { return fileSystems["tmpfs"](t).root }, []int{3}, []string{"gone with this machine's power", "nothing is made durable"}},
		{"full", func(t *testing.T) string {
			v := fileSystems["ext4"](t)
			v.cram()
			return v.root
		}, []int{4}, []string{"not checked: mkdir ", "no space left on device", "Remedy: make room and check again"}},
		{"full memory", func(t *testing.T) string {
			v := fileSystems["tmpfs"](t)
			v.cram()
			return v.root
		}, []int{4}, []string{"no space left on device", "0 bytes free", "exclude between two processes", "not everything could be checked"}},
		{"read-only", func(t *testing.T) string { return readOnly(t, t.TempDir()) }, []int{1},
			[]string{"is a read-only file system. Remedy: mount it read-write", "verdict: UNSAFE (read-only, write)"}},
		{"not there", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }, []int{4}, []string{"no such file or directory"}},
		{"with a broker", func(t *testing.T) string { return newNode(t, "", settings{}).serve().dir }, []int{0, 3}, []string{"fcntl locks exclude between two processes"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := row.dir(t)
			out, code := checkStorage(t, dir)
			require.Contains(t, row.codes, code)
			for _, words := range row.says {
				require.Contains(t, out, words)
			}
			left, err := filepath.Glob(filepath.Join(dir, ".conclave-check-*"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

var waitingAt = regexp.MustCompile(`waiting at (\S+);`)

// listening runs the other host's part and returns its address, and a function
// that returns its output and exit code.
func listening(t *testing.T, dir string, flags ...string) (address string, wait func() (string, int)) {
	t.Helper()
	cmd := exec.Command(lab.binary, append([]string{"check-storage", dir, "--listen", "127.0.0.1:0"}, flags...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	found := waitingAt.FindStringSubmatch(lines.Text())
	require.NotNil(t, found, lines.Text())
	return found[1], func() (string, int) {
		var text strings.Builder
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
		}
		_ = cmd.Wait() // the exit code says it
		return text.String(), cmd.ProcessState.ExitCode()
	}
}

// Two mounts of one directory are two hosts.
func TestCheckStorageWithPeer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		one, two weakness
		code     int
		check    string
		says     []string
	}{
		{"locks that reach the other", weakness{}, weakness{}, 3, "exclusion",
			[]string{"OK", "exclude between the two hosts"}},
		{"locks that stay in each mount", weakness{NoLocks: true}, weakness{NoLocks: true}, 1, "exclusion",
			[]string{"UNSAFE", "the two hosts had locks at once", "Two brokers would be master", "Remedy: switch locks on"}},
		{"locks that stay in one of them", weakness{}, weakness{NoLocks: true}, 1, "exclusion",
			[]string{"UNSAFE", "Two brokers would be master"}},
		{"a cache that the other's writes do not end", weakness{}, weakness{LongCache: true}, 1, "visibility",
			[]string{"UNSAFE", "within 1s: a new master could miss acknowledged messages", "Remedy: switch off caching"}},
		{"a gap in rename", weakness{GapInRename: true}, weakness{}, 1, "rename",
			[]string{"UNSAFE", "a reader saw no file"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			backing := t.TempDir()
			one, _ := mountWeak(t, backing, row.one)
			two, _ := mountWeak(t, backing, row.two)
			address, wait := listening(t, two, "--view-timeout", "1s")
			out, code := checkStorage(t, one, "--peer", address, "--view-timeout", "1s")
			require.Equal(t, row.code, code)
			require.Contains(t, lineOf(t, out, "peer-directory", true), "both hosts see the same directory")
			line := lineOf(t, out, row.check, true)
			for _, words := range row.says {
				require.Contains(t, line, words)
			}
			text, theirs := wait()
			require.Equal(t, code, theirs, "both commands end alike: %s", text)
			require.Contains(t, text, "the other host has the reasons")
		})
	}
}

// A peer that hangs is named, and nobody waits for it for ever.
func TestCheckStorageWithHangingPeer(t *testing.T) {
	t.Parallel()
	backing := fastDirectory(t)
	one, _ := mountWeak(t, backing, weakness{})
	two, _ := mountWeak(t, backing, weakness{HangingStat: true})
	address, _ := listening(t, two, "--call-timeout", "1s")
	out, code := checkStorage(t, one, "--peer", address, "--call-timeout", "1s", "--json")
	var report struct {
		Directory, Verdict string
		Results            []struct{ Check, Verdict, Host, Reason, Remedy string }
	}
	require.NoError(t, json.NewDecoder(strings.NewReader(out)).Decode(&report))
	require.Equal(t, 1, code)
	require.Equal(t, one, report.Directory)
	require.Equal(t, "UNSAFE", report.Verdict)
	require.Equal(t, "mount", report.Results[0].Check)
	require.NotEmpty(t, report.Results[0].Remedy)
	last := report.Results[len(report.Results)-1]
	require.Equal(t, "UNSAFE", last.Verdict)
	require.NotEmpty(t, last.Host)
	require.Contains(t, last.Reason, "the storage hangs: stat ")
}

// What start makes of storage that is unsafe.
func TestStartRefusesUnsafeStorage(t *testing.T) {
	t.Parallel()
	mount, _ := mountWeak(t, t.TempDir(), weakness{GrantsAll: true})
	n := newNode(t, filepath.Join(mount, "kahadb"), settings{}).start()
	require.Equal(t, 1, n.ends())
	line := n.line("conclave: ")
	for _, words := range []string{
		"storage is unsafe: self-exclusion: the file system grants a second OFD lock on " + filepath.Join(n.dir, "lock"),
		"every broker would be master", "Remedy: use a file system that locks", "--allowUnsafeStorage=self-exclusion at the risk",
	} {
		require.Contains(t, line, words)
	}
	require.False(t, n.listening())
	require.Zero(t, n.count("Conclave started"))

	allowed := newNode(t, n.dir, settings{name: "b", broker: "allowUnsafeStorage: 'read-only,self-exclusion'"}).serve()
	require.Contains(t, allowed.line("storage is unsafe, and that is allowed"), "level=WARN")
	newSender(t, allowed.url(), harness.NewLedger(), "p").sendAll(t, 5)
	allowed.stop()
}

// Storage that hangs at a start is waited for, and the log says so.
func TestStartWaitsForHangingStorage(t *testing.T) {
	t.Parallel()
	mount, heal := mountWeak(t, t.TempDir(), weakness{HangingStat: true})
	n := newNode(t, mount, settings{}).start()
	n.waitLog("the storage does not answer; waiting for it")
	require.Zero(t, n.count("Conclave started"))
	heal()
	n.waitFor("port", n.serving)
}
