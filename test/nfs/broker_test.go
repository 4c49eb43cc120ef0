//go:build nfs

package nfs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/nfs/guest"
	"github.com/conclavemq/conclave/test/nfs/lab"
)

// patience is far above what anything here takes on a loaded machine.
const patience = 60 * time.Second

// node is one configured broker in a host, and its process.
type node struct {
	t    *testing.T
	host *lab.Host
	port int
	name string // of its files in the share: test and host
	pid  int    // of its process, 0 if none was started
}

// newNode writes a configuration for a host's broker on a directory of the
// mount. Files are short, so that there are several, and stay, so that they
// can be compared.
func newNode(t *testing.T, host *lab.Host, directory string, port int, kahaDB string) *node {
	t.Helper()
	n := &node{t: t, host: host, port: port, name: directory + "-" + host.Name}
	text := fmt.Sprintf(`broker: {brokerName: %s,
  transportConnectors: [{name: openwire, uri: "tcp://%s"}],
  persistenceAdapter: {kahaDB: {directory: %q, journalMaxFileLength: 1mb, cleanupInterval: 0%s}}}
`, host.Name, host.Address(port), filepath.Join(lab.Mount, directory), kahaDB)
	require.NoError(t, os.WriteFile(n.shared("yaml"), []byte(text), 0o600))
	t.Cleanup(func() {
		for _, words := range []string{"DATA RACE", "panic:", "fatal error:", "fault while serving"} {
			if strings.Contains(n.text(), words) {
				t.Errorf("%q in the log of %s", words, n.name)
			}
		}
		if t.Failed() {
			text := n.text()
			t.Logf("end of the log of %s:\n%s\nits console ends:\n%s", n.name, text[max(0, len(text)-6000):], host.Console(1500))
		}
	})
	return n
}

// shared is this machine's path of one of the node's files.
func (n *node) shared(extension string) string {
	return filepath.Join(hosts.Share, n.name+"."+extension)
}

func (n *node) start() {
	n.t.Helper()
	inside := filepath.Join(guest.Share, n.name)
	require.NoError(n.t, n.host.Call("Spawn", guest.SpawnArgs{
		Argv: []string{"/conclave", "start", "-c", inside + ".yaml"},
		Env:  []string{"CONCLAVE_RUNTIME_DIR=/tmp/run", "HOME=/tmp"},
		Log:  inside + ".log",
	}, &n.pid))
}

// kill is kill -9 and returns when the command has been given.
func (n *node) kill() {
	n.t.Helper()
	require.NoError(n.t, n.host.Call("Signal", guest.SignalArgs{PID: n.pid, Signal: syscall.SIGKILL}, &guest.None{}))
}

// end is kill -9 and returns when the process is gone.
func (n *node) end() error {
	return n.host.Call("Signal", guest.SignalArgs{PID: n.pid, Signal: syscall.SIGKILL, Wait: patience / 3}, &guest.None{})
}

func (n *node) text() string {
	text, _ := os.ReadFile(n.shared("log"))
	return string(text)
}

// count is how many lines of the log have the words.
func (n *node) count(words string) int { return strings.Count(n.text(), words) }

// What a node says when it becomes slave and when it becomes master.
const (
	slaveWords  = "This broker is now in slave mode"
	masterWords = `msg="Conclave started"`
)

// waitFor waits until the log has the words for the nth time.
func (n *node) waitFor(words string, nth int) {
	n.t.Helper()
	require.True(n.t, harness.Eventually(patience, func() bool { return n.count(words) >= nth }),
		"%s has not said %q %d times within %v", n.host.Name, words, nth, patience)
}

var epochMark = regexp.MustCompile(`msg="Conclave started".* epoch=(\d+)`)

// epoch is the one that the node last served with, 0 if it never did.
func (n *node) epoch() int {
	found := epochMark.FindAllStringSubmatch(n.text(), -1)
	if len(found) == 0 {
		return 0
	}
	epoch, err := strconv.Atoi(found[len(found)-1][1])
	require.NoError(n.t, err)
	return epoch
}

var takeoverMark = regexp.MustCompile(`takeoverMS.*`)

// breakdown is what the node's last take-over took, from lock to ports.
func (n *node) breakdown() string {
	found := takeoverMark.FindAllString(n.text(), -1)
	if len(found) == 0 {
		return "no take-over"
	}
	return found[len(found)-1]
}

func (n *node) url() string { return "tcp://" + n.host.Address(n.port) }

// after waits for a moment of the scenario: faults last for given times.
func after(d time.Duration) { <-time.After(d) }
