package lock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Defaults of FileOptions.
const (
	// DefaultSleepInterval is ActiveMQ's lockAcquireSleepInterval.
	DefaultSleepInterval = 10 * time.Second
	// DefaultKeepAlivePeriod is how often the holder proves that it is.
	DefaultKeepAlivePeriod = time.Second
	// DefaultWindow is how long a proof holds. It must stay below the time
	// after which the storage gives a silent client's lock to another: 90 s
	// on Linux's NFS server, unless set lower.
	DefaultWindow = 5 * time.Second
)

// FileOptions configures a FileLocker. Only Directory is required.
type FileOptions struct {
	// Directory holds the lock file. It is created if it is missing, as
	// ActiveMQ does.
	Directory string
	// LockAcquireSleepInterval is how long a slave on a network file system
	// sleeps between two tries. On local ones it waits in the kernel instead.
	LockAcquireSleepInterval time.Duration
	// FailIfLocked makes Acquire fail with ErrHeld rather than wait.
	FailIfLocked bool
	// KeepAlivePeriod is the time between two proofs of ownership, at most
	// half of Window.
	KeepAlivePeriod time.Duration
	// Window is how long the lease stays valid after a proof began.
	Window time.Duration
	// Grace is how long the lease may be invalid, in time that the process
	// runs, before it is lost; Window if it is 0.
	Grace time.Duration
	// Floor is asked after the lock is won: the new epoch will be above it.
	// The journal may know of a higher epoch than the epoch file, and stands
	// in for one that is damaged. nil is 0, and refuses a damaged file.
	Floor func() uint64

	// BrokerName, Host and PID identify the holder to people; Host and PID
	// are this process's if they are not set. URIs are its client addresses.
	BrokerName string
	Host       string
	PID        int
	URIs       []string

	// Log gets the slave's one line and the reasons of losses; nil discards.
	Log *slog.Logger

	clock func() time.Duration // nil is bootTime; tests set it
}

// withDefaults fills what is not set and refuses what cannot work.
func (o FileOptions) withDefaults() (FileOptions, error) {
	if o.Directory == "" {
		return o, errors.New("file lock: no directory")
	}
	setDefault(&o.LockAcquireSleepInterval, DefaultSleepInterval)
	setDefault(&o.KeepAlivePeriod, DefaultKeepAlivePeriod)
	setDefault(&o.Window, max(DefaultWindow, 5*o.KeepAlivePeriod))
	setDefault(&o.Grace, o.Window)
	switch {
	case o.LockAcquireSleepInterval < 0:
		return o, fmt.Errorf("file lock: lockAcquireSleepInterval %v is negative", o.LockAcquireSleepInterval)
	case o.KeepAlivePeriod < time.Millisecond:
		return o, fmt.Errorf("file lock: keep-alive period %v is below 1ms", o.KeepAlivePeriod)
	case o.Window < 2*o.KeepAlivePeriod:
		return o, fmt.Errorf("file lock: window %v is less than two keep-alive periods of %v", o.Window, o.KeepAlivePeriod)
	case o.Window > maxWindow:
		return o, fmt.Errorf("file lock: window %v is above %v", o.Window, maxWindow)
	case o.Grace < watchTicks*time.Millisecond:
		return o, fmt.Errorf("file lock: grace period %v is below %v", o.Grace, watchTicks*time.Millisecond)
	}
	if o.PID == 0 {
		o.PID = os.Getpid()
	}
	if o.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return o, fmt.Errorf("file lock: %w", err)
		}
		o.Host = host
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.clock == nil {
		o.clock = bootTime
	}
	return o, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// FileLocker is the Locker of a directory. Two lockers of one directory
// exclude each other in one process as they do in two.
type FileLocker struct {
	options FileOptions
	path    string

	mu      sync.Mutex
	left    *wait  // guarded by mu; a wait in the kernel whose caller has gone
	gaveWay uint64 // guarded by mu; highest epoch whose owner's wish was honoured
}

// NewFile checks the options. It does not touch the directory.
func NewFile(options FileOptions) (*FileLocker, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	return &FileLocker{options: o, path: filepath.Join(o.Directory, FileName)}, nil
}

// Acquire implements Locker. Several calls on one FileLocker compete as those
// of several processes do. The directory is created by the first try alone: a
// directory that vanishes later is not replaced by an empty one.
func (f *FileLocker) Acquire(ctx context.Context) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.options.Directory, 0o755); err != nil {
		return nil, fmt.Errorf("create directory of the lock: %w", err)
	}
	d, err := f.win(ctx)
	if err != nil {
		return nil, err
	}
	lease, err := f.takeOffice(ctx, d)
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return lease, nil
}

// win takes the lock, unless it is meant for another.
func (f *FileLocker) win(ctx context.Context) (*descriptor, error) {
	for {
		d, err := f.tryOnce()
		if err != nil {
			return nil, err
		}
		if d == nil {
			if d, err = f.becomeSlave(ctx); err != nil {
				return nil, err
			}
		}
		patience, yes := f.givesWay()
		if !yes {
			return d, nil
		}
		if err := errors.Join(d.close(), f.giveWay(ctx, patience)); err != nil {
			return nil, err
		}
	}
}

// becomeSlave reports that the lock is held and waits for it, or fails if that
// is the setting.
func (f *FileLocker) becomeSlave(ctx context.Context) (*descriptor, error) {
	status, errStatus := ReadHolder(f.options.Directory)
	if f.options.FailIfLocked {
		return nil, &HeldError{f.path, status}
	}
	fileSystem, err := Detect(f.options.Directory)
	if err != nil {
		return nil, err
	}
	f.options.Log.Info("Database "+f.path+" is locked by another server. "+
		"This broker is now in slave mode waiting a lock to be acquired",
		"master", status.Describe(), "fileSystem", fileSystem.String())
	if errStatus != nil {
		f.options.Log.Warn("cannot tell who is master", "error", errStatus)
	}
	if fileSystem.Local {
		return f.waitInKernel(ctx)
	}
	return f.poll(ctx)
}
