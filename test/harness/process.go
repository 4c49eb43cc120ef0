package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ErrStillRunning is returned when a process outlives the time that it was
// given to end.
var ErrStillRunning = errors.New("process still running")

// Process is one operating-system process with its output in a file.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed by the goroutine that reaped the process
}

// StartProcess starts argv with env added to this process's environment, in
// directory dir, and appends its standard output and error to the file log.
func StartProcess(dir, log string, env []string, argv ...string) (*Process, error) {
	return StartProcessAs(nil, dir, log, env, argv...)
}

// StartProcessAs is StartProcess for another user; nil is this process's own.
func StartProcessAs(who *syscall.Credential, dir, log string, env []string, argv ...string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own descriptor
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: who}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	p := &Process{cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // the state is read from cmd.ProcessState
	}()
	return p, nil
}

// Pid is the process id, also after the process has ended.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// ExitCode is the exit status, or -1 while the process runs or when a signal
// ended it.
func (p *Process) ExitCode() int {
	if p.Running() {
		return -1
	}
	return p.cmd.ProcessState.ExitCode()
}

// String says how the process stands or ended.
func (p *Process) String() string {
	if p.Running() {
		return fmt.Sprintf("pid %d, running", p.Pid())
	}
	return fmt.Sprintf("pid %d, %v", p.Pid(), p.cmd.ProcessState)
}

// Kill sends SIGKILL and returns when the kernel has released what the process
// held: its locks and its sockets.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Stop sends SIGTERM and waits up to limit for the process to end.
func (p *Process) Stop(limit time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.WaitExit(limit)
}

// WaitExit waits up to limit for the process to end.
func (p *Process) WaitExit(limit time.Duration) error {
	select {
	case <-p.done:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("pid %d after %v: %w", p.Pid(), limit, ErrStillRunning)
	}
}

// Signal sends one signal; a process that has ended already is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
