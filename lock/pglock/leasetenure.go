package pglock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/lock"
)

// leaseTenure is one epoch held by ActiveMQ's lease row: a lock.Ownership, and
// so the keeper's alone.
type leaseTenure struct {
	o        *Options
	duration time.Duration
	name     string // in the row
	fence    Fence
	s        *session // may have ended; the row does not go with it
	row      *row     // keeps an ActiveMQ out that looks at no lease; nil while it cannot be had
	after    hold     // of the last owner
	timeline string   // of the database; "" before the first proof
}

// until is when the lease ends that is taken now.
func (t *leaseTenure) until() string {
	return fmt.Sprintf("%s + %d", nowMillis, t.duration.Milliseconds())
}

// obtain takes the row in the transaction that takes the epoch. (ActiveMQ:
// Statements.getLeaseObtainStatement)
func (t *leaseTenure) obtain(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", rowMoment.Milliseconds())); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, "UPDATE "+t.o.Tables.Lock()+" SET BROKER_NAME = $1, TIME = "+t.until()+
		" WHERE (TIME IS NULL OR TIME < "+nowMillis+" OR TIME = $2 AND BROKER_NAME = $3) AND ID = 1", t.name, t.after.until, t.after.name)
	if err == nil && tag.RowsAffected() != 1 {
		err = errLeaseHeld
	}
	if err == nil {
		err = t.keepOut(ctx)
	}
	return err
}

// Prove implements lock.Ownership: it renews the lease.
func (t *leaseTenure) Prove(live func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), t.o.Window)
	defer cancel()
	if t.s.IsClosed() {
		s, err := attach(ctx, t.o.Source)
		if err != nil {
			return err
		}
		t.s = s
	}
	if !live() {
		return lock.ErrHung
	}
	var now string
	// A wait for the row is one for an ActiveMQ that has locked it, with its
	// database-locker, and is master: what it does not look at is the lease.
	err := t.s.QueryRow(ctx, fmt.Sprintf("UPDATE %s SET TIME = %s FROM (SELECT set_config('lock_timeout', '%d', true)) bounded WHERE BROKER_NAME = $1 AND ID = 1",
		t.o.Tables.Lock(), t.until(), rowWait.Milliseconds())+
		" AND EXISTS (SELECT 1 FROM "+t.fence.Table+" WHERE ID = 1 AND EPOCH = $2 AND HOLDER = $3) RETURNING "+timeline,
		t.name, int64(t.fence.Epoch), t.fence.Holder).Scan(&now)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return t.lost(ctx)
	case isCode(err, lockNotAvailable):
		return fmt.Errorf("%w: another, such as ActiveMQ with a database-locker, has locked %s", lock.ErrLost, t.o.Tables.Lock())
	case err != nil:
		return err
	case t.timeline != "" && t.timeline != now:
		return fmt.Errorf("%w: %s, and may have missed what was committed last: reading it anew", lock.ErrLost, promoted)
	}
	t.timeline = now
	return t.keepRow(ctx)
}

// lost names who has it now.
func (t *leaseTenure) lost(ctx context.Context) error {
	last, err := readRecord(ctx, t.s, t.o.Tables)
	if err != nil {
		return err
	}
	if last.ID != t.fence.Holder {
		return fmt.Errorf("%w: epoch %d was succeeded by %s", lock.ErrLost, t.fence.Epoch, last.Holder)
	}
	now, err := readLease(ctx, t.s, t.o.Tables.Lock())
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s has the lease", lock.ErrLost, now.name)
}

// Release implements lock.Ownership.
func (t *leaseTenure) Release(clean bool) error {
	defer t.s.end()
	defer t.row.end()
	if !clean || t.s.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
	defer cancel()
	_, errMark := t.s.Exec(ctx, "UPDATE "+t.fence.Table+" SET RELEASED = clock_timestamp() WHERE ID = 1 AND EPOCH = $1 AND HOLDER = $2",
		int64(t.fence.Epoch), t.fence.Holder)
	_, err := t.s.Exec(ctx, "UPDATE "+t.o.Tables.Lock()+" SET BROKER_NAME = NULL, TIME = 0 WHERE BROKER_NAME = $1 AND ID = 1", t.name)
	return errors.Join(errMark, err)
}
