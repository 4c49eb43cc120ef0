package lab

import (
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/test/nfs/guest"
)

// Kernel and its modules, from Debian's package user-mode-linux.
const (
	kernel  = "/usr/bin/linux.uml"
	modules = "/usr/lib/uml/modules"
)

// patience is far above what a command takes on a loaded machine.
const patience = 30 * time.Second

// Host is one kernel, while it runs, and its place in the networks.
type Host struct {
	Name   string
	number int
	dir    string // the laboratory's
	memory string // "256M"
	disk   string // file of its first block device, "" for none

	cmd  *exec.Cmd
	done chan struct{} // closed when the main process has ended
}

// Boot starts the kernel and returns when the host takes commands.
func (h *Host) Boot() error {
	console, err := os.OpenFile(h.console(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer console.Close()
	h.cmd = exec.Command(kernel, h.arguments()...)
	h.cmd.Stdout, h.cmd.Stderr = console, console
	memory := filepath.Join(h.dir, memDir)
	h.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + memory, "TMPDIR=" + memory,
		"LD_PRELOAD=" + filepath.Join(h.dir, shimFile)}
	// A group of its own, for PowerOff.
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := h.cmd.Start(); err != nil {
		return fmt.Errorf("boot %s: %w", h.Name, err)
	}
	prefer(h.cmd.Process.Pid)
	cmd, done := h.cmd, make(chan struct{})
	h.done = done
	go func() {
		defer close(done)
		_ = cmd.Wait() // a host ends by a signal
	}()
	return h.waitReady()
}

func (h *Host) arguments() []string {
	vector := func(device int, n network) string {
		return fmt.Sprintf("vec%d:transport=tap,ifname=%s,depth=64,gro=1,mac=%s", device, n.tap(h.number), n.device(h.number))
	}
	share := filepath.Join(h.dir, shareDir)
	arguments := []string{
		"umid=" + h.Name, "uml_dir=" + filepath.Join(h.dir, memDir), "mem=" + h.memory,
		"root=98:0", "rootfstype=hostfs", "rootflags=" + filepath.Join(h.dir, rootDir), "ro", "init=/init", "panic=-1",
		"con=null", "con0=null,fd:1", "ssl=null", vector(0, storageNet), vector(1, clientsNet),
		guest.ParamName + "=" + h.Name, guest.ParamShare + "=" + share, guest.ParamModules + "=" + modules,
		guest.ParamStorage + "=" + storageNet.address(h.number), guest.ParamClients + "=" + clientsNet.address(h.number),
	}
	if h.disk != "" {
		arguments = append(arguments, "ubd0="+h.disk)
	}
	return arguments
}

// waitReady waits until the agent answers.
func (h *Host) waitReady() error {
	deadline := time.Now().Add(2 * patience)
	for {
		var clocks guest.Clocks
		err := h.call(2*time.Second, "StepClock", time.Duration(0), &clocks)
		if err == nil {
			return nil
		}
		select {
		case <-h.done:
			err = errors.New("its kernel ended")
		default:
			if time.Now().Before(deadline) {
				time.Sleep(20 * time.Millisecond) // a refused connection returns at once
				continue
			}
		}
		return fmt.Errorf("boot %s: %w; its console ends:\n%s", h.Name, err, h.Console(2000))
	}
}

// Running says whether the host has power.
func (h *Host) Running() bool {
	if h.cmd == nil {
		return false
	}
	select {
	case <-h.done:
		return false
	default:
		return true
	}
}

// PowerOff ends the host without a word to anybody, as a power failure does.
func (h *Host) PowerOff() error {
	if !h.Running() {
		return nil
	}
	if err := syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		return err
	}
	<-h.done
	return nil
}

// Pause stops the host's kernel between two instructions, Resume continues it.
func (h *Host) Pause() error { return h.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (h *Host) Resume() error { return h.cmd.Process.Signal(syscall.SIGCONT) }

// Call has the agent carry out a method of guest.Agent.
func (h *Host) Call(method string, args, result any) error {
	return h.call(patience, method, args, result)
}

func (h *Host) call(limit time.Duration, method string, args, result any) error {
	conn, err := net.DialTimeout("tcp", h.Address(guest.Port), limit) // a first packet that is lost comes again after a second
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(limit))
	client := rpc.NewClient(conn)
	defer client.Close()
	if err := client.Call("Agent."+method, args, result); err != nil {
		return fmt.Errorf("%s on %s: %w", method, h.Name, err)
	}
	return nil
}

func (h *Host) console() string {
	return filepath.Join(h.dir, shareDir, h.Name+".console")
}

// Console is the end of what the kernel and the agent have said.
func (h *Host) Console(length int) string {
	text, _ := os.ReadFile(h.console())
	return string(text[max(0, len(text)-length):])
}
