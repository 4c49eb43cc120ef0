package pglock

import (
	"context"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/lock"
)

// Advisory is the lock.Locker that holds a PostgreSQL advisory lock, and
// ActiveMQ's lock row where there is one.
type Advisory struct {
	o Options
	memory
}

// NewAdvisory checks the options. It does not connect.
func NewAdvisory(options Options) (*Advisory, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Window >= silenceTime {
		return nil, fmt.Errorf("database lock: a window of %v is not below %v", o.Window, silenceTime)
	}
	return &Advisory{o: o}, nil
}

// TakeTime is how long a slave may take to notice that the lock is free.
func (a *Advisory) TakeTime() time.Duration { return time.Second }

// courtesy is how long a slave whose wait was cut off, as by a restart of the
// database, leaves the lock to the master, which can go on where it was.
const courtesy = 700 * time.Millisecond

// Acquire implements lock.Locker. A database that cannot be reached is waited
// for; a wrong password and the like end a first start.
func (a *Advisory) Acquire(ctx context.Context) (*lock.Lease, error) {
	return a.o.compete(ctx, a.stand)
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
	if !c.proven {
		if err := proveExclusion(ctx, a.o.Source, s, a.o.Log); err != nil {
			return nil, err
		}
		c.proven = true
	}
	keys, err := a.o.prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	c.reached()
	if c.cutOff {
		c.cutOff = false
		if err := lock.Pause(ctx, courtesy); err != nil {
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
		if err != nil || !a.o.givesWay(&a.memory, last) {
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
	status, err := a.o.look(ctx, s, keys)
	if err == nil {
		err = a.o.tell(c, status)
	}
	if err != nil {
		return err
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

// takeOffice makes a won lock a lease.
func (a *Advisory) takeOffice(ctx context.Context, s *session, r *row, keys Keys, c *candidacy) (*lock.Lease, error) {
	fence, proven, err := a.o.takeNext(ctx, s, keys, a.o.holder(), nil)
	if err != nil {
		return nil, err
	}
	a.remember(fence)
	a.o.Log.Info("Becoming the master on dataSource: "+a.o.Source.String(), "epoch", fence.Epoch)
	t := &tenure{o: &a.o, keys: keys, fence: fence, s: s, row: r, last: *s, proven: proven}
	return a.o.lease(fence, t, proven, c.waited)
}
