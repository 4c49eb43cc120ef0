package ha

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/test/harness"
)

func TestStatusOfEveryNode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a, b := newNode(t, "a", dir), newNode(t, "b", dir)
	s, code := a.status()
	require.Equal(t, 1, code)
	require.Equal(t, "not running", s.Role)

	a.serve()
	b.wait()
	host, err := os.Hostname()
	require.NoError(t, err)
	for n, want := range map[*node]struct {
		role string
		code int
	}{a: {"master", 0}, b: {"slave", 3}} {
		s, code := n.status()
		require.Equal(t, want.code, code)
		require.Equal(t, want.role, s.Role)
		require.Equal(t, n.name, s.BrokerName)
		require.Equal(t, n.process.Pid(), s.PID)
		require.True(t, s.Lock.Held)
		require.Equal(t, "a", s.Lock.BrokerName)
		require.Equal(t, host, s.Lock.Host)
		require.Equal(t, a.process.Pid(), s.Lock.PID)
		require.EqualValues(t, 1, s.Lock.Epoch)
		require.WithinDuration(t, time.Now(), s.Lock.Since, time.Minute)
	}
	text, _ := b.command("status", "-c", b.file)
	require.Contains(t, text, "Conclave is running (pid '")
	require.Contains(t, text, "broker a on "+host)

	a.signal(syscall.SIGSTOP)
	_, code = a.status()
	require.Equal(t, 5, code, "a frozen process does not answer")
	a.signal(syscall.SIGCONT)

	_, code = b.command("stop", "-c", b.file)
	require.Zero(t, code)
	require.Zero(t, b.ends(time.Second))
	_, code = b.status()
	require.Equal(t, 1, code)
	_, code = b.command("stop", "-c", b.file)
	require.Equal(t, 1, code)

	_, code = a.command("stop", "--directory", dir)
	require.Zero(t, code)
	require.Zero(t, a.ends(time.Second))
}

func TestFailIfLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	newNode(t, "a", dir).serve()
	b := newNode(t, "b", dir, "      locker: {shared-file-locker: {failIfLocked: true}}")
	b.start()
	require.Equal(t, 6, b.ends(startLimit))
	require.Contains(t, b.text(), "is held by broker a ")
}

func TestDirectoryThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, dir := range map[string]string{
		"below a file": filepath.Join(file, "kahadb"),
		"read-only":    readOnly(t),
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, "a", dir)
			n.start()
			require.Equal(t, 1, n.ends(startLimit))
			require.Contains(t, n.text(), dir, "the message names the directory")
			require.False(t, harness.Listening(n.port))
		})
	}
}

// readOnly is a directory in which this user cannot create files.
func readOnly(t *testing.T) string {
	t.Helper()
	if os.Getuid() == 0 {
		return "/sys/kernel" // not even root can
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	return dir
}

func TestMissingDirectoryIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "some", "where", "kahadb")
	a := newNode(t, "a", dir).serve()
	newSender(t, a.url()).send(1)
	require.FileExists(t, filepath.Join(dir, "lock"))
}

// A Java broker takes plain fcntl locks.
func TestLockOfAnotherProgramIsRespected(t *testing.T) {
	dir := t.TempDir()
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(t, err)
	defer f.Close()
	region := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	require.NoError(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &region))

	a := newNode(t, "a", dir).wait()
	s, code := a.status()
	require.Equal(t, 3, code)
	require.True(t, s.Lock.Foreign)
	require.Equal(t, os.Getpid(), s.Lock.PID)
	require.False(t, harness.Listening(a.port))

	region.Type = unix.F_UNLCK
	require.NoError(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &region))
	a.waitServing()
}

func TestBadConfiguration(t *testing.T) {
	n := newNode(t, "a", t.TempDir(), "      journalMaxFileLenght: 1mb")
	n.start()
	require.Equal(t, 2, n.ends(startLimit))
	require.Contains(t, n.text(), "did you mean journalMaxFileLength?")
	text, code := n.command("check-config", "-c", n.file)
	require.Equal(t, 2, code)
	require.Contains(t, text, ":9: broker.persistenceAdapter.kahaDB.journalMaxFileLenght")

	good := newNode(t, "a", t.TempDir())
	text, code = good.command("check-config", "-c", good.file)
	require.Zero(t, code)
	require.Contains(t, text, "configuration is good")
}

func TestPortInUse(t *testing.T) {
	a := newNode(t, "a", t.TempDir()).serve()
	b := newNode(t, "b", t.TempDir())
	text, err := os.ReadFile(b.file)
	require.NoError(t, err)
	text = []byte(replacePort(string(text), b.port, a.port))
	require.NoError(t, os.WriteFile(b.file, text, 0o600))
	b.start()
	require.Equal(t, 1, b.ends(startLimit))
	require.Contains(t, b.text(), "address already in use")
}

// Whoever reads the log may go first.
func TestBrokerSurvivesItsLogReader(t *testing.T) {
	n := newNode(t, "a", filepath.Join(t.TempDir(), "kahadb"))
	bin, err := binary()
	require.NoError(t, err)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(bin, "start", "-c", n.file)
	cmd.Env, cmd.Stderr = append(os.Environ(), n.env...), w
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.NoError(t, w.Close())
	require.Eventually(t, func() bool { return harness.Listening(n.port) }, startLimit, time.Millisecond)
	require.NoError(t, r.Close())
	s := newSender(t, n.url())
	s.send(1)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM)) // which is logged
	require.NoError(t, cmd.Wait())
}

// Without its file, the epoch is counted on from the journal's.
func TestEpochSurvivesItsFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir)
	for want := range uint64(3) {
		a.serve()
		require.Equal(t, want+1, a.waitRole("master").Epoch)
		a.signal(syscall.SIGTERM)
		require.Zero(t, a.ends(startLimit))
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "conclave.epoch")))
	a.serve()
	require.EqualValues(t, 4, a.waitRole("master").Epoch)
}
