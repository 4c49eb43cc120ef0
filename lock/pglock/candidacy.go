package pglock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/lock"
)

// candidacy is one call of Acquire.
type candidacy struct {
	retry
	waited, told bool
	proven       bool // that locks exclude
	cutOff       bool // while it waited for the lock
	held         hold // by another, as last seen; and since when
	heldSince    time.Duration
}

// compete stands again and again, until there is a lease or no hope of one.
func (o *Options) compete(ctx context.Context, stand func(context.Context, *candidacy) (*lock.Lease, error)) (*lock.Lease, error) {
	o.Log.Info("Attempting to acquire the exclusive lock to become the Master broker", "database", o.Source.String())
	c := &candidacy{waited: o.Successor}
	for {
		lease, err := stand(ctx, c)
		switch {
		case err == nil:
			return lease, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, lock.ErrHeld), o.FailIfLocked, final(err) && !c.waited:
			return nil, err
		}
		if err := c.pause(ctx, o, err); err != nil {
			return nil, err
		}
	}
}

// tell says that another has the lock, with an error if that is not to be
// waited for.
func (o *Options) tell(c *candidacy, status lock.Status) error {
	c.waited = true
	if c.told {
		return nil
	}
	if o.FailIfLocked {
		return &HeldError{o.Source.String(), status.Describe()}
	}
	c.told = true
	o.Log.Info("Database "+o.Source.String()+" is locked by another server. "+
		"This broker is now in slave mode waiting a lock to be acquired", "master", status.Describe())
	return nil
}

// officeTime bounds the wait for transactions of the last master, which end by
// themselves or are ended.
const (
	officeTime  = 30 * time.Second
	officeRetry = 200 * time.Millisecond
)

// takeNext takes the next epoch; see takeEpoch. A transaction of the last
// master that is still under way is waited for, for a moment; then its session
// is ended. proven is a reading of the clock from before.
func (o *Options) takeNext(ctx context.Context, s *session, keys Keys, h lock.Holder, within func(pgx.Tx) error) (f Fence, proven time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, officeTime)
	defer cancel()
	for {
		proven = lock.BootTime()
		f, err = takeEpoch(ctx, s.Conn, o.Tables, keys, h, within)
		if !errors.Is(err, errWriters) {
			return f, proven, err
		}
		o.Log.Warn("ending transactions of the last master that are still under way", "error", o.endWriters(ctx, s, keys))
	}
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
