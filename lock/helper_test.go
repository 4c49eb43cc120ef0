package lock

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// The test binary runs itself as other processes: role and arguments are in
// this variable, separated by spaces.
const roleVariable = "CONCLAVE_LOCK_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := strings.Fields(os.Getenv(roleVariable)); len(role) > 0 {
		if err := play(role); err != nil {
			say("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// quick is a lease that is proven often, for tests that wait for it.
func quick(dir string) FileOptions {
	return FileOptions{
		Directory:                dir,
		LockAcquireSleepInterval: 20 * time.Millisecond,
		KeepAlivePeriod:          20 * time.Millisecond,
		Window:                   time.Second,
		BrokerName:               "b" + strconv.Itoa(os.Getpid()),
		URIs:                     []string{"tcp://127.0.0.1:61616"},
	}
}

func play(role []string) error {
	dir := role[1]
	switch role[0] {
	case "broker":
		return playBroker(dir)
	case "open":
		return playOpen(dir)
	case "posix":
		length, err := strconv.ParseInt(role[2], 10, 64)
		if err != nil {
			return err
		}
		return playJava(dir, length)
	case "fuse":
		return playFuse(dir, role[2], role[3] == "true")
	case "gofrs":
		ok, err := flock.New(filepath.Join(dir, FileName)).TryLock()
		return playHeld(ok, err)
	}
	return fmt.Errorf("no role %v", role)
}

func say(words ...any) { fmt.Println(words...) }

// playBroker acquires and answers questions until its input ends.
func playBroker(dir string) error {
	o := quick(dir)
	o.Log = slog.New(slog.NewTextHandler(os.Stdout, nil))
	locker, err := NewFile(o)
	if err != nil {
		return err
	}
	lease, err := locker.Acquire(context.Background())
	if err != nil {
		return err
	}
	last := BootTime()
	say("held", lease.Epoch(), time.Now().UnixNano())
	go func() {
		<-lease.Lost()
		say("lost", lease.Cause())
	}()
	// The first thing that this process does after a pause is to ask.
	go func() {
		for {
			valid, now := lease.Valid(), BootTime()
			pause := now - last
			last = now
			if pause > o.Window {
				say("woke", valid)
				err := lease.Check(context.Background())
				say("checked", err == nil, lease.Valid())
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
	err = lease.Release()
	say("released")
	return err
}

// playOpen only opens the directory's lock, to see what the error says.
func playOpen(dir string) error {
	locker, err := NewFile(quick(dir))
	if err != nil {
		return err
	}
	lease, err := locker.Acquire(context.Background())
	if err != nil {
		return err
	}
	say("held", lease.Epoch())
	return lease.Release()
}

// playJava locks as ActiveMQ's LockFile does: F_SETLK from byte 0, then the
// time at offset 0.
func playJava(dir string, length int64) error {
	f, err := os.OpenFile(filepath.Join(dir, FileName), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	region := unix.Flock_t{Type: unix.F_WRLCK, Len: length}
	err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &region)
	if err == unix.EAGAIN {
		return playHeld(false, nil)
	}
	if err == nil {
		err = binary.Write(f, binary.BigEndian, time.Now().UnixMilli())
	}
	return playHeld(true, err)
}

func playHeld(ok bool, err error) error {
	if err != nil {
		return err
	}
	if !ok {
		say("busy")
		return nil
	}
	say("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// helper is another process.
type helper struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
	mu    sync.Mutex
	seen  []string // guarded by mu
	done  chan struct{}
}

func start(t *testing.T, role ...any) *helper {
	return startAs(t, nil, role...)
}

func startAs(t *testing.T, attr *syscall.SysProcAttr, role ...any) *helper {
	h := &helper{t: t, lines: make(chan string, 256), done: make(chan struct{})}
	h.cmd = exec.Command("/proc/self/exe")
	h.cmd.SysProcAttr = attr
	h.cmd.Env = append(os.Environ(), roleVariable+"="+strings.TrimSpace(fmt.Sprintln(role...)))
	h.cmd.Stderr = os.Stderr
	var err error
	h.stdin, err = h.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := h.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, h.cmd.Start())
	go func() {
		defer close(h.done)
		defer close(h.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			h.mu.Lock()
			h.seen = append(h.seen, s.Text())
			h.mu.Unlock()
			h.lines <- s.Text()
		}
	}()
	t.Cleanup(h.kill)
	return h
}

// expect waits for the next line that contains what, and returns it.
func (h *helper) expect(what string) string {
	h.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-h.lines:
			if !ok {
				h.t.Fatalf("helper ended without saying %q; it said %q", what, h.said())
			}
			if strings.Contains(line, what) {
				return line
			}
		case <-deadline:
			h.t.Fatalf("helper does not say %q; it said %q", what, h.said())
		}
	}
}

func (h *helper) said() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.seen...)
}

// epoch waits until the helper is the owner.
func (h *helper) epoch() uint64 {
	h.t.Helper()
	n, err := strconv.ParseUint(strings.Fields(h.expect("held "))[1], 10, 64)
	require.NoError(h.t, err)
	return n
}

func (h *helper) signal(s syscall.Signal) { _ = h.cmd.Process.Signal(s) }

// pause stops the helper and returns when all its threads have stopped.
func (h *helper) pause() {
	h.t.Helper()
	h.signal(syscall.SIGSTOP)
	require.Eventually(h.t, func() bool {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", h.cmd.Process.Pid))
		for _, task := range tasks {
			b, _ := os.ReadFile(task)
			if !strings.Contains(string(b), ") T ") {
				return false
			}
		}
		return true
	}, 10*time.Second, time.Millisecond)
}

// kill is kill -9; the process may have ended before.
func (h *helper) kill() {
	h.signal(syscall.SIGKILL)
	h.wait()
}

// finish ends the helper's input and waits until it has left.
func (h *helper) finish() {
	_ = h.stdin.Close()
	h.wait()
}

func (h *helper) wait() {
	for range h.lines {
	}
	<-h.done
	_ = h.cmd.Wait()
}

// blocked waits until the helper, a slave, sits in the kernel waiting for the
// byte-range lock.
func (h *helper) blocked() {
	h.t.Helper()
	h.expect("slave mode")
	h.sleepsIn(unix.SYS_FCNTL, unix.F_OFD_SETLKW)
}

// sleepsIn waits until a thread of the helper is in the system call, with that
// second argument.
func (h *helper) sleepsIn(call, argument int) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", h.cmd.Process.Pid))
		for _, task := range tasks {
			b, _ := os.ReadFile(task)
			fields := strings.Fields(string(b))
			if len(fields) > 2 && fields[0] == strconv.Itoa(call) && fields[2] == fmt.Sprintf("%#x", argument) {
				return true
			}
		}
		return false
	}, 10*time.Second, time.Millisecond)
}

func acquire(t *testing.T, o FileOptions) *Lease {
	t.Helper()
	locker, err := NewFile(o)
	require.NoError(t, err)
	lease, err := locker.Acquire(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lease.Release()) })
	require.True(t, lease.Valid())
	return lease
}

// tryAcquire is one attempt that does not wait.
func tryAcquire(dir string) (*Lease, error) {
	o := quick(dir)
	o.FailIfLocked = true
	locker, err := NewFile(o)
	if err != nil {
		return nil, err
	}
	return locker.Acquire(context.Background())
}
