//go:build fault

package fault

import (
	"net"
	"os"
	"path/filepath"
	"strconv"

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

func newLedger() *harness.Ledger { return harness.NewLedger() }
