//go:build fault

package fault

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// crowd connects n times and says nothing.
func (n *node) crowd(size int) (crowd []net.Conn) {
	for range size {
		if c, err := net.DialTimeout("tcp", n.address(), patience); err == nil {
			crowd = append(crowd, c)
		}
	}
	return crowd
}

// descriptors is how many files and sockets the process has open.
func (n *node) descriptors() int {
	n.t.Helper()
	open, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(n.process.Pid()), "fd"))
	require.NoError(n.t, err)
	return len(open)
}

// twin is a node of the same configuration, with another log.
func (n *node) twin() *node {
	twin := *n
	twin.process, twin.log = nil, n.log+".twin"
	n.t.Cleanup(twin.kill)
	return &twin
}

// ports counts those that reservePort has given out.
var ports atomic.Int32

// reservePort finds a port below those that the kernel gives to clients: while a
// slave does not listen on its port, nobody else must come to use it.
func reservePort(t *testing.T) int {
	t.Helper()
	const first, last = 11000, 32000
	for range last - first {
		port := first + (os.Getpid()*256+int(ports.Add(1)))%(last-first)
		if l, err := net.Listen("tcp", harness.Address(port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func newLedger() *harness.Ledger { return harness.NewLedger() }
