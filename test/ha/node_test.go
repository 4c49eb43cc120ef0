package ha

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// startLimit is far above what anything here takes on a loaded machine.
const startLimit = 30 * time.Second

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "conclave-ha-")
	if err != nil {
		return "", err
	}
	return harness.ConclaveBinary(dir)
})

// node is one configured broker and its process.
type node struct {
	t       *testing.T
	name    string
	port    int
	file    string // configuration
	log     string
	work    string
	env     []string
	process *harness.Process
}

// newNode writes a configuration on dir; locker is YAML for the kahaDB
// element's further lines, and broker for the broker element's.
func newNode(t *testing.T, name, dir string, lines ...string) *node {
	t.Helper()
	port, err := harness.FreePort()
	require.NoError(t, err)
	work := t.TempDir()
	n := &node{t: t, name: name, port: port, work: work,
		file: filepath.Join(work, name+".yaml"), log: filepath.Join(work, name+".log"),
		env: []string{"CONCLAVE_RUNTIME_DIR=" + filepath.Join(work, "run")}}
	text := fmt.Sprintf(`
broker:
  brokerName: %s
  transportConnectors:
    - {name: openwire, uri: "tcp://127.0.0.1:%d"}
  persistenceAdapter:
    kahaDB:
      directory: %q
%s`, name, port, dir, strings.Join(lines, "\n"))
	require.NoError(t, os.WriteFile(n.file, []byte(text), 0o600))
	t.Cleanup(n.kill)
	return n
}

func (n *node) start() {
	n.t.Helper()
	bin, err := binary()
	require.NoError(n.t, err)
	n.process, err = harness.StartProcess(n.work, n.log, n.env, bin, "start", "-c", n.file)
	require.NoError(n.t, err)
}

// serve starts the node and waits until clients can connect.
func (n *node) serve() *node {
	n.t.Helper()
	n.start()
	n.waitServing()
	return n
}

// wait starts the node and waits until it says that it is a slave.
func (n *node) wait() *node {
	n.t.Helper()
	n.start()
	n.waitFor("slave line", func() bool { return n.slaveLines() > 0 })
	return n
}

func (n *node) waitServing() {
	n.t.Helper()
	n.waitFor("port", func() bool { return harness.Listening(n.port) })
}

func (n *node) waitFor(what string, cond func() bool) {
	n.t.Helper()
	deadline := time.Now().Add(startLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if !n.process.Running() && !cond() {
			n.t.Fatalf("%s ended while the test waited for its %s:\n%s", n.name, what, n.text())
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("%s: no %s within %v:\n%s", n.name, what, startLimit, n.text())
		}
		<-tick.C
	}
}

func (n *node) text() string {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return ""
	}
	return string(text)
}

func (n *node) slaveLines() int {
	return strings.Count(n.text(), "is locked by another server. This broker is now in slave mode")
}

func (n *node) kill() {
	if n.process != nil && n.process.Running() {
		_ = n.process.Kill()
	}
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	require.NoError(n.t, n.process.Signal(s))
}

// freeze stops the process and returns when all its threads have stopped.
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
			if _, state, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return len(threads) > 0
	})
}

// ends waits for the end of the process and returns its exit code.
func (n *node) ends(limit time.Duration) int {
	n.t.Helper()
	require.NoError(n.t, n.process.WaitExit(limit), "%s", n.text())
	return n.process.ExitCode()
}

func (n *node) url() string { return "tcp://" + harness.Address(n.port) }

// command runs a conclave command as a user of this node would and returns
// what it prints and its exit code.
func (n *node) command(args ...string) (string, int) {
	n.t.Helper()
	bin, err := binary()
	require.NoError(n.t, err)
	ctx, cancel := context.WithTimeout(n.t.Context(), startLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = append(os.Environ(), n.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return out.String(), exit.ExitCode()
	}
	require.NoError(n.t, err, out.String())
	return out.String(), 0
}

// status is what `conclave status --json` prints.
type status struct {
	Role       string
	BrokerName string
	PID        int
	Epoch      uint64
	URIs       []string
	Following  *struct {
		Following bool
		Records   int
		Messages  int
	}
	Start *struct{ Index string }
	Lock  *struct {
		Held       bool
		Epoch      uint64
		BrokerName string
		Host       string
		PID        int
		Since      time.Time
		Foreign    bool
	}
}

func (n *node) status() (status, int) {
	n.t.Helper()
	out, code := n.command("status", "-c", n.file, "--json")
	var s status
	require.NoError(n.t, json.Unmarshal([]byte(out), &s), out)
	return s, code
}

// role waits until the node says that it has the role.
func (n *node) waitRole(role string) status {
	n.t.Helper()
	var s status
	n.waitFor("role "+role, func() bool {
		s, _ = n.status()
		return s.Role == role
	})
	return s
}

func replacePort(text string, from, to int) string {
	return strings.Replace(text, fmt.Sprint(":", from), fmt.Sprint(":", to), 1)
}
