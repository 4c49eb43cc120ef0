package pglock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/conclavemq/conclave/lock"
)

// Advisory is the lock.Locker that holds a PostgreSQL advisory lock, and
// ActiveMQ's lock row where there is one.
type Advisory struct {
	o Options

	mu      sync.Mutex
	fence   Fence  // guarded by mu; of the last epoch taken
	gaveWay string // guarded by mu; holder whose wish was honoured last
}

// NewAdvisory checks the options. It does not connect.
func NewAdvisory(options Options) (*Advisory, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Advisory{o: o}, nil
}

// Fence is the one of the last lease that Acquire has returned.
func (a *Advisory) Fence() Fence {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fence
}

// TakeTime is how long a slave may take to notice that the lock is free.
func (a *Advisory) TakeTime() time.Duration { return time.Second }

// courtesy is how long a slave whose wait was cut off, as by a restart of the
// database, leaves the lock to the master, which can go on where it was.
const courtesy = 700 * time.Millisecond

// candidacy is one call of Acquire.
type candidacy struct {
	retry
	waited, told bool
	proven       bool // that locks exclude
	cutOff       bool // while it waited for the lock
}

// Acquire implements lock.Locker. A database that cannot be reached is waited
// for; a wrong password and the like end a first start.
func (a *Advisory) Acquire(ctx context.Context) (*lock.Lease, error) {
	a.o.Log.Info("Attempting to acquire the exclusive lock to become the Master broker", "database", a.o.Source.String())
	c := &candidacy{waited: a.o.Successor}
	for {
		lease, err := a.stand(ctx, c)
		switch {
		case err == nil:
			return lease, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, lock.ErrHeld), a.o.FailIfLocked, final(err) && !c.waited:
			return nil, err
		}
		if err := c.pause(ctx, &a.o, err); err != nil {
			return nil, err
		}
	}
}

// stand asks for the lock in one session, until it is won or the session ends.
func (a *Advisory) stand(ctx context.Context, c *candidacy) (lease *lock.Lease, err error) {
	s, err := open(ctx, a.o.Source, a.o.BrokerName)
	if err != nil {
		return nil, err
	}
	var r *row
	defer func() {
		if err != nil {
			r.end()
			s.end()
		}
	}()
	keys, err := a.o.prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	if !c.proven {
		if err := proveExclusion(ctx, a.o.Source, s, a.o.Log); err != nil {
			return nil, err
		}
		c.proven = true
	}
	c.reached()
	if c.cutOff {
		c.cutOff = false
		if err := sleep(ctx, courtesy); err != nil {
			return nil, err
		}
	}
	if err := a.win(ctx, s, keys, c); err != nil {
		return nil, err
	}
	if r, err = a.holdRow(ctx, s, c); err != nil {
		return nil, err
	}
	return a.takeOffice(ctx, s, r, keys, c)
}

// win returns when the session has the lock, and nobody else is meant to.
func (a *Advisory) win(ctx context.Context, s *session, keys Keys, c *candidacy) error {
	for {
		if err := a.obtain(ctx, s, keys, c); err != nil {
			return err
		}
		last, err := readRecord(ctx, s, a.o.Tables)
		if err != nil || !a.givesWay(last) {
			return err
		}
		if _, err := s.Exec(ctx, "SELECT pg_advisory_unlock($1)", keys.Lock); err != nil {
			return err
		}
		if err := a.o.giveWay(ctx, s, last); err != nil {
			return err
		}
	}
}

// obtain takes the lock, now or as a slave.
func (a *Advisory) obtain(ctx context.Context, s *session, keys Keys, c *candidacy) error {
	ok, err := s.try(ctx, keys)
	if ok || err != nil {
		return err
	}
	c.waited = true
	if !c.told {
		status, err := a.o.look(ctx, s, keys)
		if err != nil {
			return err
		}
		if err := a.o.tell(status); err != nil {
			return err
		}
		c.told = true
	}
	for {
		_, err := s.Exec(ctx, "SELECT pg_advisory_lock($1)", keys.Lock)
		switch {
		case err == nil:
			return nil
		case isCode(err, lockNotAvailable): // see waitTime
		default:
			c.cutOff = true
			return err
		}
	}
}

// try takes the lock without waiting.
func (s *session) try(ctx context.Context, keys Keys) (ok bool, err error) {
	err = s.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", keys.Lock).Scan(&ok)
	return ok, err
}

// tell says that another has the lock, with an error if that is not to be
// waited for.
func (o *Options) tell(status lock.Status) error {
	database := o.Source.String()
	if o.FailIfLocked {
		return &HeldError{database, status.Describe()}
	}
	o.Log.Info("Database "+database+" is locked by another server. "+
		"This broker is now in slave mode waiting a lock to be acquired", "master", status.Describe())
	return nil
}

// officeTime bounds the wait for transactions of the last master, which end by
// themselves or are ended.
const (
	officeTime  = 30 * time.Second
	officeRetry = 200 * time.Millisecond
)

// takeOffice makes a won lock a lease. A transaction of the last master that
// is still under way is waited for, for a moment; then its session is ended.
func (a *Advisory) takeOffice(ctx context.Context, s *session, r *row, keys Keys, c *candidacy) (*lock.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, officeTime)
	defer cancel()
	if err := s.lockTimeout(ctx, officeRetry); err != nil {
		return nil, err
	}
	var fence Fence
	holder := a.o.holder()
	var proven time.Duration
	for {
		var err error
		proven = lock.BootTime()
		fence, err = takeEpoch(ctx, s.Conn, a.o.Tables, keys, holder, nil)
		if err == nil {
			break
		}
		if !isCode(err, lockNotAvailable) {
			return nil, err
		}
		a.o.Log.Warn("ending transactions of the last master that are still under way", "error", a.o.endWriters(ctx, s, keys))
	}
	if err := s.lockTimeout(ctx, waitTime); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.fence = fence
	a.mu.Unlock()
	a.o.Log.Info("Becoming the master on dataSource: "+a.o.Source.String(), "epoch", fence.Epoch)
	t := &tenure{o: &a.o, keys: keys, fence: fence, s: s, row: r, last: *s}
	return a.o.lease(fence, t, proven, c.waited)
}

// endWriters ends the sessions that are behind the fence.
func (o *Options) endWriters(ctx context.Context, s *session, keys Keys) error {
	_, err := s.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND classid::bigint = $1::bigint >> 32 AND objid::bigint = $1::bigint & 4294967295 AND pid <> pg_backend_pid()`, keys.Fence)
	if err != nil {
		return fmt.Errorf("end sessions of the last master: %w", err)
	}
	return nil
}
