package guest

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Agent carries out a test's commands. Its exported methods are those of
// net/rpc; each may take as long as the storage does.
type Agent struct {
	mu      sync.Mutex
	exits   map[int]chan struct{} // guarded by mu; by process id, closed when the process has ended
	holders map[string]*holder    // guarded by mu; by file
}

// None is no argument, or no result.
type None struct{}

func newAgent() *Agent {
	return &Agent{exits: map[int]chan struct{}{}, holders: map[string]*holder{}}
}

// MountArgs are the arguments of Agent.Mount, as of mount(2).
type MountArgs struct{ Source, Target, Kind, Data string }

// Mount makes the target and mounts on it; NFS loads its modules first.
func (a *Agent) Mount(args MountArgs, _ *None) error {
	if args.Kind == "nfs4" {
		if err := load("nfsv4"); err != nil {
			return err
		}
	}
	return mount(args.Source, args.Target, args.Kind, args.Data)
}

// SpawnArgs are the arguments of Agent.Spawn.
type SpawnArgs struct {
	Argv []string
	Env  []string
	Log  string // file that output is appended to
}

// Spawn starts a process and returns its id.
func (a *Agent) Spawn(args SpawnArgs, pid *int) error {
	out, err := os.OpenFile(args.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(args.Argv[0], args.Argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = args.Env, "/tmp", out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	*pid = cmd.Process.Pid
	ended := make(chan struct{})
	a.mu.Lock()
	a.exits[*pid] = ended
	a.mu.Unlock()
	go func() {
		defer close(ended)
		err := cmd.Wait()
		fmt.Println("lab: process", cmd.Process.Pid, "ended:", err)
	}()
	return nil
}

// SignalArgs are the arguments of Agent.Signal.
type SignalArgs struct {
	PID    int
	Signal unix.Signal
	Wait   time.Duration // for the end of the process; 0 does not wait
}

// Signal sends a signal to a process that Spawn started. One that has ended is
// no error.
func (a *Agent) Signal(args SignalArgs, _ *None) error {
	a.mu.Lock()
	ended := a.exits[args.PID]
	a.mu.Unlock()
	if ended == nil {
		return fmt.Errorf("no process %d was started", args.PID)
	}
	select {
	case <-ended:
		return nil
	default:
	}
	if err := unix.Kill(args.PID, args.Signal); err != nil {
		return err
	}
	if args.Wait == 0 {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-time.After(args.Wait):
		return fmt.Errorf("process %d has not ended after %v", args.PID, args.Wait)
	}
}

// Clocks are readings of one moment.
type Clocks struct {
	Wall      time.Time
	Monotonic time.Duration
	Boot      time.Duration
}

// StepClock moves the wall clock and says what the clocks showed before.
func (a *Agent) StepClock(by time.Duration, before *Clocks) error {
	var err error
	if *before, err = readClocks(); err != nil || by == 0 {
		return err
	}
	to := unix.NsecToTimeval(time.Now().Add(by).UnixNano())
	return unix.Settimeofday(&to)
}

func readClocks() (Clocks, error) {
	c := Clocks{Wall: time.Now().Round(0)}
	for id, reading := range map[int32]*time.Duration{unix.CLOCK_MONOTONIC: &c.Monotonic, unix.CLOCK_BOOTTIME: &c.Boot} {
		var ts unix.Timespec
		if err := unix.ClockGettime(id, &ts); err != nil {
			return c, err
		}
		*reading = time.Duration(ts.Nano())
	}
	return c, nil
}
