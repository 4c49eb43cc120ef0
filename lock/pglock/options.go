package pglock

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/conclavemq/conclave/lock"
)

// Defaults of Options.
const (
	DefaultKeepAlivePeriod = time.Second
	// DefaultWindow is below the time after which the server frees the lock of
	// a holder that it does not hear.
	DefaultWindow = 4 * time.Second
	// DefaultGrace is how long a master waits for its database before it lets
	// its clients go and waits as a slave.
	DefaultGrace = 8 * time.Second
	// DefaultSleepInterval is the longest pause between two attempts to reach
	// the database, or of a slave between two looks at a lease row.
	DefaultSleepInterval = time.Second
)

// Options configures a locker. Source is required.
type Options struct {
	Source *Source
	// Store is how the store reaches its tables, if that is another way than
	// Source; nil is the same. It has to lead to the same database, which is
	// proven before the lock is asked for: an epoch that is taken elsewhere
	// keeps nobody from writing.
	Store  *Source
	Tables Tables
	// CreateTables makes the tables if they are missing, before the lock is
	// asked for. Without it they have to be there.
	CreateTables bool
	// Successor says that this process has been master before: errors of the
	// database do not end its wait.
	Successor bool
	// FailIfLocked makes Acquire fail rather than wait, for the lock or for a
	// database that cannot be reached.
	FailIfLocked bool
	// SleepInterval is the longest pause before the database is tried again.
	SleepInterval time.Duration
	// KeepAlivePeriod, Window and Grace are those of the lease.
	KeepAlivePeriod, Window, Grace time.Duration

	// BrokerName, Host and PID identify the holder to people; Host and PID
	// are this process's if they are not set. URIs are its client addresses.
	BrokerName string
	Host       string
	PID        int
	URIs       []string

	Log *slog.Logger // nil discards

	rowTime time.Duration // see the constant; tests set it
}

// withDefaults fills what is not set and refuses what cannot work.
func (o Options) withDefaults() (Options, error) {
	if o.Source == nil {
		return o, errors.New("database lock: no database")
	}
	if err := o.Tables.Check(); err != nil {
		return o, fmt.Errorf("database lock: %w", err)
	}
	setDefault(&o.SleepInterval, DefaultSleepInterval)
	setDefault(&o.KeepAlivePeriod, DefaultKeepAlivePeriod)
	setDefault(&o.Window, DefaultWindow)
	setDefault(&o.Grace, DefaultGrace)
	setDefault(&o.rowTime, rowTime)
	if o.Window < 2*o.KeepAlivePeriod {
		return o, fmt.Errorf("database lock: a window of %v is less than two keep-alive periods of %v", o.Window, o.KeepAlivePeriod)
	}
	if o.PID == 0 {
		o.PID = os.Getpid()
	}
	if o.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return o, fmt.Errorf("database lock: %w", err)
		}
		o.Host = host
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// lease is what every lease of this package has in common.
func (o *Options) lease(f Fence, owner lock.Ownership, proven time.Duration, waited bool) (*lock.Lease, error) {
	return lock.NewLease(owner, lock.LeaseOptions{
		Epoch: f.Epoch, Waited: waited, Proven: proven, Period: o.KeepAlivePeriod, Window: o.Window, Grace: o.Grace,
		Log: o.Log.With("broker", o.BrokerName, "lock", o.Source.String()),
	})
}

// holder describes a new ownership.
func (o *Options) holder() lock.Holder {
	return lock.NewHolder(o.BrokerName, o.Host, o.PID, o.Window, o.URIs)
}
