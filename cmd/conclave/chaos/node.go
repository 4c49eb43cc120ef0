package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// node is one broker of the pair. The run's own goroutine uses it.
type node struct {
	name    string
	port    int
	folder  string // of its configuration and log, not on the tried storage
	binary  string
	command *exec.Cmd
	exited  chan struct{} // closed when the process has ended
}

func newNode(o *Options, name, folder, store string) (*node, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	n := &node{name: name, port: port, folder: folder, binary: o.Binary}
	text := fmt.Sprintf(`broker:
  brokerName: %s
  persistenceAdapter:
    kahaDB:
      directory: %q
  transportConnectors:
    - name: openwire
      uri: tcp://127.0.0.1:%d
`, name, store, port)
	return n, os.WriteFile(n.file("yaml"), []byte(text), 0o600)
}

func (n *node) file(suffix string) string { return filepath.Join(n.folder, n.name+"."+suffix) }

// start starts the process. Its log goes on in the same file.
func (n *node) start() error {
	log, err := os.OpenFile(n.file("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(n.binary, "start", "-c", n.file("yaml"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "CONCLAVE_RUNTIME_DIR="+n.folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start broker %s: %w", n.name, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended does not matter: it is killed, mostly
		close(exited)
	}()
	n.command, n.exited = cmd, exited
	return nil
}

// handOver has the node hand over to the other one, as an operator would.
func (n *node) handOver(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, n.binary, "switchover", "-c", n.file("yaml"))
	cmd.Env = append(os.Environ(), "CONCLAVE_RUNTIME_DIR="+n.folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("switchover of %s: %w: %s", n.name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// signal sends a signal to the process, if there is one.
func (n *node) signal(s syscall.Signal) error {
	if n.command == nil {
		return nil
	}
	err := n.command.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// kill ends the process and waits for that.
func (n *node) kill() error {
	if n.command == nil {
		return nil
	}
	if err := n.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-n.exited
	return nil
}

func (n *node) running() bool {
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// serving reports whether the node has its port open: it is the master.
func (n *node) serving() bool {
	conn, err := net.Dial("tcp", n.address())
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func (n *node) address() string { return fmt.Sprintf("127.0.0.1:%d", n.port) }

// lastWords is the end of the process's log.
func (n *node) lastWords() string {
	b, err := os.ReadFile(n.file("log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
