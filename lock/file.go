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

	"golang.org/x/sys/unix"
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
	// Successor says that this process has owned the directory before. It
	// does not create it anew, and errors of the storage do not end its wait.
	Successor bool
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

	clock func() time.Duration // nil is BootTime; tests set it
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
		o.clock = BootTime
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
	rival   bool   // guarded by mu; another has served in spite of the lock
	kept    bool   // guarded by mu; the lock has kept us out
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
// directory that vanishes later is not replaced by an empty one. Errors of the
// storage end the first try, but not the wait of a slave.
func (f *FileLocker) Acquire(ctx context.Context) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !f.options.Successor {
		if err := makeDirectory(f.options.Directory); err != nil {
			return nil, fmt.Errorf("create directory of the lock: %w", err)
		}
	}
	waited, told := f.options.Successor, false
	d, err := f.win(ctx, &waited, &told)
	for err == nil {
		if patience, yes := f.givesWay(); yes {
			if err = errors.Join(d.close(), f.giveWay(ctx, patience)); err == nil {
				d, err = f.win(ctx, &waited, &told)
			}
			continue
		}
		var lease *Lease
		if lease, err = f.serve(ctx, d); err == nil {
			lease.waited = waited
			return lease, nil
		}
		err = errors.Join(err, d.close())
		switch {
		case errors.Is(err, errRival):
			waited = true
			d, err = f.becomeSlave(ctx, nil, &told)
		// Who loses it at once to another, where locks do not exclude, waits too.
		case (waited || errors.Is(err, ErrLost)) && ctx.Err() == nil && !final(err):
			waited = true
			d, err = f.becomeSlave(ctx, err, &told)
		}
	}
	return nil, err
}

// win takes the lock, now or as a slave.
func (f *FileLocker) win(ctx context.Context, waited, told *bool) (*descriptor, error) {
	d, err := f.tryOnce()
	if d != nil || err != nil && (!*waited || final(err)) {
		return d, err
	}
	*waited = true
	return f.becomeSlave(ctx, err, told)
}

// serve makes a won lock a lease, once it is sure that nobody serves whom the
// lock does not keep out. It does not close d.
func (f *FileLocker) serve(ctx context.Context, d *descriptor) (*Lease, error) {
	settle, err := f.lookForRival(ctx, d)
	if err != nil {
		return nil, err
	}
	lease, err := f.takeOffice(ctx, d, settle)
	if err != nil {
		d.resign()
	}
	return lease, err
}

// final reports an error that no waiting ends.
func final(err error) bool {
	return errors.Is(err, ErrUnsupported) || errors.Is(err, errUnknownFormat) || errors.Is(err, ErrDamagedEpoch) ||
		errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EISDIR)
}

// becomeSlave reports, once, that the lock is held and waits for it, or fails
// if that is the setting. A cause is why the lock could not be had though
// nobody held it: then it is tried again after a while, which lets others go
// first.
func (f *FileLocker) becomeSlave(ctx context.Context, cause error, told *bool) (*descriptor, error) {
	if cause != nil {
		f.options.Log.Warn("cannot take the lock, will try again", "lock", f.path, "error", cause)
	}
	for cause != nil {
		if err := Pause(ctx, f.options.LockAcquireSleepInterval); err != nil {
			return nil, err
		}
		var d *descriptor
		if d, cause = f.tryOnce(); d != nil || final(cause) {
			return d, cause
		}
	}
	fileSystem, err := Detect(f.options.Directory)
	if err != nil {
		return nil, err
	}
	if !*told {
		if err := f.tell(fileSystem); err != nil {
			return nil, err
		}
		*told = true
	}
	if !fileSystem.Local {
		return f.poll(ctx)
	}
	d, err := f.waitInKernel(ctx)
	if err == nil || ctx.Err() != nil || final(err) {
		return d, err
	}
	return f.becomeSlave(ctx, err, told)
}

// tell says that another has the lock, with an error if that is not to be
// waited for.
func (f *FileLocker) tell(fileSystem FileSystem) error {
	status, errStatus := ReadHolder(f.options.Directory)
	if f.options.FailIfLocked {
		return &HeldError{f.path, status}
	}
	f.options.Log.Info("Database "+f.path+" is locked by another server. "+
		"This broker is now in slave mode waiting a lock to be acquired",
		"master", status.Describe(), "fileSystem", fileSystem.String())
	if errStatus != nil {
		f.options.Log.Warn("cannot tell who is master", "error", errStatus)
	}
	return nil
}
