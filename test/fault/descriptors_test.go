//go:build fault

package fault

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/test/harness"
)

// More peers than the process may have descriptors: those that are too many
// are not served and one line says why. The store goes on, over file changes
// and checks of the lock, longer than the lease's window; when the peers are
// gone new ones come in.
func TestOutOfDescriptors(t *testing.T) {
	t.Parallel()
	n := newNode(t, "", settings{kahaDB: "journalMaxFileLength: 64kb, cleanupInterval: 500"}).serve()
	ledger := harness.NewLedger()
	s := newSender(t, n.url(), ledger, "p")
	s.size = 1000
	s.sendAll(t, 20)
	open, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(n.process.Pid()), "fd"))
	require.NoError(t, err)
	limit := uint64(len(open) + 100)
	require.NoError(t, unix.Prlimit(n.process.Pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil))

	var crowd []net.Conn
	for range 300 {
		c, err := net.DialTimeout("tcp", n.address(), patience)
		require.NoError(t, err)
		crowd = append(crowd, c)
	}
	n.waitLog("could not accept connection")
	for range 24 { // 7 files
		s.sendAll(t, 20)
		wait(500 * time.Millisecond)
	}
	require.Zero(t, n.count("level=ERROR"))
	require.LessOrEqual(t, n.count("could not accept connection"), 3, "the log says so once, not for every peer")
	for _, c := range crowd {
		require.NoError(t, c.Close())
	}
	newSender(t, failover(n), ledger, "late").sendAll(t, 10)
	drain(t, failover(n), ledger)
}
