//go:build fault

package fault

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
)

// patience is far above what anything here takes on a loaded machine.
const patience = 40 * time.Second

// settings of a node. The zero value suits.
type settings struct {
	name   string // "a"
	host   string // "127.0.0.1"
	uri    string // options of the connector, as "k=v&k=v"
	kahaDB string // YAML flow entries: "journalMaxFileLength: 1mb, locker: {…}"
	broker string // the same of the broker
}

// node is one configured broker and its process.
type node struct {
	t       *testing.T
	name    string
	host    string
	port    int
	dir     string
	work    string
	file    string // configuration
	log     string
	process *harness.Process
	// mayCrash says that the test takes away what the process cannot do without.
	mayCrash bool
}

// newNode writes a configuration on dir, "" for one of its own.
func newNode(t *testing.T, dir string, s settings) *node {
	t.Helper()
	port, err := harness.FreePort()
	require.NoError(t, err)
	n := &node{t: t, name: s.name, host: s.host, port: port, dir: dir, work: t.TempDir()}
	if n.name == "" {
		n.name = "a"
	}
	if n.host == "" {
		n.host = "127.0.0.1"
	}
	if n.dir == "" {
		n.dir = filepath.Join(n.work, "kahadb")
	}
	n.file, n.log = filepath.Join(n.work, "conclave.yaml"), filepath.Join(n.work, "log")
	entries := func(first, more string) string {
		if more == "" {
			return first
		}
		return first + ", " + more
	}
	text := "broker: {" + entries(fmt.Sprintf(`brokerName: %s,
  transportConnectors: [{name: openwire, uri: "tcp://%s:%d?%s"}],
  persistenceAdapter: {kahaDB: {%s}}`, n.name, n.host, port, s.uri,
		entries(fmt.Sprintf("directory: %q", n.dir), s.kahaDB)), s.broker) + "}\n"
	require.NoError(t, os.WriteFile(n.file, []byte(text), 0o600))
	t.Cleanup(func() {
		n.kill()
		for _, words := range []string{"DATA RACE", "panic:", "fatal error:", "fault while serving"} {
			if n.count(words) > 0 && !n.mayCrash {
				t.Errorf("%q in the log of %s", words, n.name)
			}
		}
		if t.Failed() {
			text := n.text()
			t.Logf("end of the log of %s:\n%s", n.name, text[max(0, len(text)-6000):])
		}
	})
	return n
}

func (n *node) start() *node {
	n.t.Helper()
	var err error
	n.process, err = harness.StartProcess(n.work, n.log, []string{"CONCLAVE_RUNTIME_DIR=" + filepath.Join(n.work, "run")},
		lab.binary, "start", "-c", n.file)
	require.NoError(n.t, err)
	return n
}

// serve starts the node and waits until clients can connect.
func (n *node) serve() *node {
	n.t.Helper()
	n.start()
	n.waitFor("port", n.serving)
	return n
}

func (n *node) serving() bool {
	return strings.Count(n.text(), "Conclave started") > 0 && n.listening()
}

func (n *node) listening() bool {
	if n.host == "127.0.0.1" {
		return harness.Listening(n.port)
	}
	return true // the port is open before the line is logged
}

// waitSlave waits until the log says so for the nth time.
func (n *node) waitSlave(nth int) *node {
	n.t.Helper()
	n.waitFor("slave line", func() bool { return n.count("This broker is now in slave mode") >= nth })
	return n
}

// waitLog waits for a line with these words in the log.
func (n *node) waitLog(words string) {
	n.t.Helper()
	n.waitFor(fmt.Sprintf("line with %q", words), func() bool { return n.count(words) > 0 })
}

func (n *node) waitFor(what string, cond func() bool) {
	n.t.Helper()
	var holds bool
	if !harness.Eventually(patience, func() bool { holds = cond(); return holds || !n.process.Running() }) {
		n.t.Fatalf("%s: no %s within %v", n.name, what, patience)
	}
	if !holds && !cond() { // it may have come to hold with the end
		n.t.Fatalf("%s ended with %v while the test waited for its %s", n.name, n.process, what)
	}
}

func (n *node) text() string {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return ""
	}
	return string(text)
}

// count is how many lines of the log have the words.
func (n *node) count(words string) int { return strings.Count(n.text(), words) }

// line is the only line of the log that has the words.
func (n *node) line(words string) string {
	n.t.Helper()
	var found []string
	for line := range strings.Lines(n.text()) {
		if strings.Contains(line, words) {
			found = append(found, line)
		}
	}
	require.Len(n.t, found, 1, "lines with %q", words)
	return found[0]
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	require.NoError(n.t, n.process.Signal(s))
}

// freeze stops the process and returns when it has.
func (n *node) freeze() {
	n.t.Helper()
	n.signal(syscall.SIGSTOP)
	n.waitFor("stop", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", n.process.Pid()))
		require.NoError(n.t, err)
		for _, path := range threads {
			text, err := os.ReadFile(path)
			if err != nil {
				return false
			}
			_, state, _ := strings.Cut(string(text), ") ")
			if !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return len(threads) > 0
	})
}

func (n *node) kill() {
	if n.process != nil && n.process.Running() {
		_ = n.process.Kill()
	}
}

// stop ends the node cleanly.
func (n *node) stop() {
	n.t.Helper()
	n.signal(syscall.SIGTERM)
	require.Zero(n.t, n.ends())
}

// ends waits for the end of the process and returns its exit code.
func (n *node) ends() int {
	n.t.Helper()
	require.NoError(n.t, n.process.WaitExit(patience))
	return n.process.ExitCode()
}

// again forgets what was logged and serves once more.
func (n *node) again() *node {
	n.t.Helper()
	require.NoError(n.t, os.Rename(n.log, n.log+".before"))
	return n.serve()
}

func (n *node) rss() int64 {
	n.t.Helper()
	u, err := harness.UsageOf(n.process.Pid())
	require.NoError(n.t, err)
	return u.RSS
}

func (n *node) peakRSS() int64 {
	n.t.Helper()
	u, err := harness.UsageOf(n.process.Pid())
	require.NoError(n.t, err)
	return u.PeakRSS
}

// epoch is the one that the node last served with.
func (n *node) epoch() int {
	n.t.Helper()
	found := epochMark.FindAllStringSubmatch(n.text(), -1)
	require.NotEmpty(n.t, found)
	epoch, err := strconv.Atoi(found[len(found)-1][1])
	require.NoError(n.t, err)
	return epoch
}

var epochMark = regexp.MustCompile(`msg="Conclave started".* epoch=(\d+)`)

func (n *node) address() string { return fmt.Sprintf("%s:%d", n.host, n.port) }

func (n *node) url() string { return "tcp://" + n.address() }

// failover is a URL over several nodes.
func failover(nodes ...*node) string {
	urls := make([]string, len(nodes))
	for i, n := range nodes {
		urls[i] = n.url()
	}
	return "failover:(" + strings.Join(urls, ",") + ")?initialReconnectDelay=10&maxReconnectDelay=50&useExponentialBackOff=false&randomize=false"
}
