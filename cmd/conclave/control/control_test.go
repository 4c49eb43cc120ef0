package control

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/cmd/conclave/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sandbox gives the test a runtime directory of its own.
func sandbox(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	t.Setenv(EnvDirectory, dir)
	t.Setenv("XDG_RUNTIME_DIR", "")
	return dir
}

func account() Account {
	return Account{BrokerName: "a", Host: "h", ConfigFile: "/etc/a.yaml", Directory: "/data",
		Status: node.Status{Role: node.Slave, Since: time.Unix(1, 0).UTC()}}
}

// mine leaves out the brokers of other people on this machine.
func mine(m Match) []Broker {
	m.PID = os.Getpid()
	return Find(m)
}

func TestStatusAndStop(t *testing.T) {
	sandbox(t)
	stopped := make(chan struct{}, 1)
	s, err := Serve(account, Acts{Stop: func() { stopped <- struct{}{} }})
	require.NoError(t, err)
	defer s.Close()

	found := mine(Match{BrokerName: "a", ConfigFile: "/etc/a.yaml", Directory: "/data"})
	require.Len(t, found, 1)
	want := account()
	want.PID = os.Getpid()
	require.Equal(t, want, found[0].Account)
	require.NoError(t, found[0].Err)

	for _, m := range []Match{{BrokerName: "b"}, {ConfigFile: "/etc/b.yaml"}, {Directory: "/other"}, {Embedded: true}} {
		require.Empty(t, mine(m), "%+v", m)
	}

	require.NoError(t, found[0].Stop())
	<-stopped
	require.True(t, found[0].Running())
	require.NoError(t, s.Close())
	require.False(t, found[0].Running())
	require.NoError(t, found[0].Stop(), "it has ended")
}

func TestHandOver(t *testing.T) {
	sandbox(t)
	refused := errors.New("this node is a slave")
	want := node.Outcome{Serving: true, GapMillis: 7}
	s, err := Serve(account, Acts{HandOver: func(_ context.Context, p node.Plan) (node.Outcome, error) {
		if p.To == "" {
			return node.Outcome{}, refused
		}
		<-time.After(answerTime + answerTime/5) // longer than other answers may take
		return want, nil
	}})
	require.NoError(t, err)
	defer s.Close()
	found := mine(Match{})
	require.Len(t, found, 1)
	_, err = found[0].HandOver(node.Plan{}, 10*time.Second)
	require.EqualError(t, err, refused.Error())
	got, err := found[0].HandOver(node.Plan{To: "b", DrainMillis: 5}, 10*time.Second)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = found[0].HandOver(node.Plan{To: "b"}, time.Millisecond)
	require.ErrorIs(t, err, ErrSilent)
	require.NoError(t, s.Close())
	_, err = found[0].HandOver(node.Plan{To: "b"}, 10*time.Second)
	require.ErrorIs(t, err, ErrSilent)
}

func TestProcessThatDoesNotAnswer(t *testing.T) {
	dir := sandbox(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	l, err := net.Listen("unix", filepath.Join(dir, strconv.Itoa(os.Getpid())+socketSuffix))
	require.NoError(t, err)
	defer l.Close()
	found := mine(Match{})
	require.Len(t, found, 1)
	require.ErrorIs(t, found[0].Err, ErrSilent)

	require.Empty(t, mine(Match{BrokerName: "a"}))
	require.NoError(t, writeIdentity(filepath.Join(dir, strconv.Itoa(os.Getpid())+".json"), account()))
	found = mine(Match{BrokerName: "a", ConfigFile: "/etc/a.yaml"})
	require.Len(t, found, 1)
	require.Empty(t, found[0].Role)
}

// TestProcessThatManyHaveAskedInVain: a process that hangs is found, however
// long somebody has been asking it again and again.
func TestProcessThatManyHaveAskedInVain(t *testing.T) {
	dir := sandbox(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, strconv.Itoa(os.Getpid())+socketSuffix)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	require.NoError(t, unix.Listen(fd, 0))
	require.NoError(t, writeIdentity(identityPath(path), account()))
	for {
		conn, err := net.Dial("unix", path)
		if err != nil {
			require.ErrorIs(t, err, unix.EAGAIN)
			break
		}
		defer conn.Close()
	}
	found := mine(Match{BrokerName: "a"})
	require.Len(t, found, 1)
	require.ErrorIs(t, found[0].Err, ErrSilent)
	require.Equal(t, os.Getpid(), found[0].PID)
}

// TestKillOfWhatHasEnded: another process has the number by now.
func TestKillOfWhatHasEnded(t *testing.T) {
	sandbox(t)
	s, err := Serve(account, Acts{})
	require.NoError(t, err)
	found := mine(Match{})
	require.Len(t, found, 1)
	other := exec.Command("cat")
	input, err := other.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	found[0].PID = other.Process.Pid
	require.NoError(t, found[0].Kill(), "the socket is another's")
	require.NoError(t, s.Close())
	require.NoError(t, found[0].Kill(), "it has ended")
	require.NoError(t, input.Close())
	require.NoError(t, other.Wait(), "it lived")
}

func TestSocketOfADeadProcessIsRemoved(t *testing.T) {
	dir := sandbox(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, strconv.Itoa(os.Getpid())+socketSuffix)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	require.Empty(t, mine(Match{}))
	require.NoFileExists(t, path)
}

func TestServerReplacesItsOwnOldSocket(t *testing.T) {
	dir := sandbox(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, strconv.Itoa(os.Getpid())+socketSuffix)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	s, err := Serve(account, Acts{})
	require.NoError(t, err)
	require.Len(t, mine(Match{}), 1)
	require.NoError(t, s.Close())
}

func TestGarbageGetsNoAnswer(t *testing.T) {
	dir := sandbox(t)
	s, err := Serve(account, Acts{Stop: func() { t.Error("stopped by garbage") }})
	require.NoError(t, err)
	defer s.Close()
	for _, line := range []string{"\n", "{}\n", `{"command":"format"}` + "\n", "stop\n"} {
		conn, err := net.Dial("unix", filepath.Join(dir, strconv.Itoa(os.Getpid())+socketSuffix))
		require.NoError(t, err)
		_, err = conn.Write([]byte(line))
		require.NoError(t, err)
		n, err := conn.Read(make([]byte, 1))
		require.Zero(t, n)
		require.Error(t, err)
		require.NoError(t, conn.Close())
	}
}

func TestDirectoryThatOthersCanWriteToIsRefused(t *testing.T) {
	dir := sandbox(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err := Serve(account, Acts{})
	require.ErrorContains(t, err, "its user alone")
	require.Empty(t, mine(Match{}))
}
