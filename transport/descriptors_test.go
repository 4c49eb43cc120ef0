package transport

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The limit is the process's own, so nothing else may run beside these tests.

// limitDescriptors leaves n numbers free above those in use now.
func limitDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old))
	highest, err := syscall.Dup(0)
	require.NoError(t, err)
	require.NoError(t, syscall.Close(highest))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(highest) + n, Max: old.Max}))
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
}

// fillDescriptors takes every number below the limit, ascending, until the
// test ends or release is called.
func fillDescriptors(t *testing.T) (release func(n int)) {
	var taken []int
	for {
		fd, err := syscall.Dup(0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	release = func(n int) { // the highest
		for range min(n, len(taken)) {
			_ = syscall.Close(taken[len(taken)-1])
			taken = taken[:len(taken)-1]
		}
	}
	t.Cleanup(func() { release(len(taken)) })
	return release
}

// reach connects with a descriptor that was made before they ran out.
func reach(t *testing.T, l *Listener) (connect func() int) {
	t.Helper()
	client, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(client) })
	return func() int {
		require.NoError(t, syscall.Connect(client, &syscall.SockaddrInet4{Port: l.Addr().Port, Addr: [4]byte{127, 0, 0, 1}}))
		return client
	}
}

// A process that has used up its file descriptors goes on when some are free
// again.
func TestAcceptOutlivesExhaustedDescriptors(t *testing.T) {
	l, _, written := listen(t, "tcp://127.0.0.1:0")
	requireEcho(t, dial(t, l))
	connect := reach(t, l)
	limitDescriptors(t, 40)
	release := fillDescriptors(t)
	connect()
	require.Eventually(t, func() bool { return strings.Contains(written.String(), "too many open files") }, 5*time.Second, time.Millisecond)
	release(40)
	require.Eventually(t, func() bool { return l.Connections() == 2 }, 5*time.Second, time.Millisecond)
	require.Equal(t, 1, strings.Count(written.String(), "too many open files"), "one line a shortage")
}

// The last descriptors are for the store.
func TestConnectionsLeaveDescriptorsForTheStore(t *testing.T) {
	l, _, written := listen(t, "tcp://127.0.0.1:0")
	first := dial(t, l)
	requireEcho(t, first)
	connect, connectAgain := reach(t, l), reach(t, l)
	limitDescriptors(t, 40)
	release := fillDescriptors(t)
	release(4)
	connect()
	require.Eventually(t, func() bool { return l.Refused() == 1 }, 5*time.Second, time.Millisecond)
	connectAgain()
	require.Eventually(t, func() bool { return l.Refused() == 2 }, 5*time.Second, time.Millisecond)
	require.Equal(t, 1, strings.Count(written.String(), "too few file descriptors left"), "one line a shortage")
	requireEcho(t, first)
	require.Equal(t, 1, l.Connections())
}
