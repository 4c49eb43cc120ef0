package pglock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/lock"
)

const (
	// rowTime is how old the transaction gets that holds ActiveMQ's row, and a
	// little more: nothing that died while it runs is removed; see blockTime.
	rowTime = 500 * time.Millisecond
	// rowWait bounds one wait for the row; in between the lock's session shows
	// the server that it lives.
	rowWait = time.Second
	// rowMoment is for what another only locks for a moment.
	rowMoment = 100 * time.Millisecond
	// rowEnd is how long the end of a transaction may take that shows nothing.
	rowEnd = time.Second
)

// row is ActiveMQ's lock row, locked in a session of its own. ActiveMQ locks it
// FOR UPDATE in a transaction that lasts as long as it is master, which keeps
// VACUUM from all that dies meanwhile. FOR SHARE keeps an ActiveMQ out as well,
// and two of our sessions can have it at once: so the transaction is replaced
// by another every rowTime, while the lock's session holds the row.
//
// Beside a lease the row is locked FOR KEY SHARE: that lets the lease be renewed
// by whoever has it, and conflicts with FOR UPDATE alone.
type row struct {
	s     *session
	table string
	key   bool          // FOR KEY SHARE
	limit time.Duration // rowTime
	began time.Duration // the transaction
	mark  string        // what the row says of who locked it last
}

func (r *row) lock() string {
	if r.key {
		// The session may be a pooler's, and is not set to end by itself.
		return fmt.Sprintf("SELECT ID, set_config('idle_in_transaction_session_timeout', '%d', true) FROM %s FOR KEY SHARE", silenceTime.Milliseconds(), r.table)
	}
	return "SELECT ID FROM " + r.table + " FOR SHARE"
}

// gone reports that the session has ended; where there is no row, it has not.
func (r *row) gone() bool { return r != nil && r.s.IsClosed() }

// read gives the mark of the row, or rather of every row that there is. The
// number of a transaction that locked a row stays there when it has ended.
func (r *row) read(ctx context.Context, s *session) (mark string, err error) {
	err = s.QueryRow(ctx, "SELECT COALESCE(string_agg(ID || ':' || xmax::text, ' ' ORDER BY ID), '') FROM "+r.table).Scan(&mark)
	return mark, err
}

// begun notes a transaction that has the row.
func (r *row) begun(ctx context.Context) (err error) {
	r.began = lock.BootTime()
	r.mark, err = r.read(ctx, r.s)
	return err
}

// regain takes the row again after its session has ended, if no ActiveMQ has
// had it meanwhile.
func (r *row) regain(ctx context.Context, o *Options) error {
	s, err := open(ctx, o.Source.impatient(), o.BrokerName+" row")
	if err != nil {
		return err
	}
	mark, err := r.read(ctx, s)
	if err == nil && mark != r.mark {
		err = fmt.Errorf("%w: another, such as ActiveMQ, has locked %s meanwhile", lock.ErrLost, r.table)
	}
	if err == nil {
		err = s.take(ctx, r.lock(), rowMoment)
	}
	if isCode(err, lockNotAvailable) {
		err = fmt.Errorf("%w: another, such as ActiveMQ, has locked %s", lock.ErrLost, r.table)
	}
	if err != nil {
		s.end()
		return err
	}
	r.s = s
	return r.begun(ctx)
}

// end gives the row up; nil has none.
func (r *row) end() {
	if r != nil {
		r.s.end()
	}
}

// take begins a transaction that holds the row.
func (s *session) take(ctx context.Context, sql string, wait time.Duration) error {
	for _, statement := range []string{"BEGIN ISOLATION LEVEL READ COMMITTED", fmt.Sprintf("SET LOCAL lock_timeout = %d", wait.Milliseconds()), sql} {
		if _, err := s.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// holdRow waits until no ActiveMQ is master; nil where there is no such table.
func (a *Advisory) holdRow(ctx context.Context, s *session, c *candidacy) (*row, error) {
	table := a.o.Tables.Lock()
	if there, err := s.hasTable(ctx, table); !there || err != nil {
		return nil, err
	}
	own, err := open(ctx, a.o.Source, a.o.BrokerName+" row")
	if err != nil {
		return nil, fmt.Errorf("second session, for ActiveMQ's lock row: %w", err)
	}
	r := &row{s: own, table: table, limit: a.o.rowTime}
	for {
		holder, err := r.attempt(ctx, table)
		if err == nil && holder == "" {
			return r, nil
		}
		if err == nil {
			err = c.foreign(ctx, &a.o, holder)
		}
		if err == nil {
			_, err = s.Exec(ctx, "SELECT 1") // see silenceTime
		}
		if err != nil {
			r.end()
			return nil, err
		}
	}
}

// foreign notes that an ActiveMQ is master.
func (c *candidacy) foreign(ctx context.Context, o *Options, holder string) error {
	if err := o.tell(c, lock.Status{Held: true, Foreign: holder}); err != nil {
		return err
	}
	return lock.Pause(ctx, lookTime)
}

// attempt takes the row, or says who has it.
func (r *row) attempt(ctx context.Context, table string) (holder string, err error) {
	err = r.s.take(ctx, r.lock(), rowWait)
	if err == nil {
		if holder, err = leaseOn(ctx, r.s, table); err == nil && holder == "" {
			return "", r.begun(ctx)
		}
	}
	if isCode(err, lockNotAvailable) {
		holder, err = "ActiveMQ (its row in "+table+" is locked)", nil
	}
	if isCode(err, insufficientPrivilege) {
		err = fmt.Errorf("%w: grant SELECT and UPDATE on %s, so that no ActiveMQ becomes master beside this broker: %w", ErrForeignRow, table, err)
	}
	_, errEnd := r.s.Exec(ctx, "ROLLBACK")
	return holder, errors.Join(err, errEnd)
}

// leaseOn names who has a lease in ActiveMQ's table; "" nobody. Whoever has the
// row locked can rely on it.
func leaseOn(ctx context.Context, q querier, table string) (string, error) {
	var name string
	err := q.QueryRow(ctx, "SELECT COALESCE(MAX(BROKER_NAME), '') FROM "+table+" WHERE ID = 1 AND TIME > "+nowMillis).Scan(&name)
	if err != nil || name == "" {
		return "", err
	}
	return name + " (by a lease in " + table + ")", nil
}

// nowMillis is the time of the database.
const nowMillis = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint"

// prove shows that the row is still locked, and replaces an old transaction.
// by is the lock's session. Where there is no row there is nothing to show.
func (r *row) prove(ctx context.Context, by *session) (renewed bool, err error) {
	if r == nil {
		return false, nil
	}
	if lock.BootTime()-r.began < r.limit {
		_, err := r.s.Exec(ctx, "SELECT 1")
		return false, err
	}
	err = by.take(ctx, r.lock(), rowMoment)
	// What has taken all the time leaves some to end it: what the lock's session
	// did next would be part of a transaction that is never committed.
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), rowEnd)
	defer cancel()
	if err == nil {
		renewed = true
		if err = r.replace(ctx); err != nil {
			// The lock's session has left its own mark, and still has the row.
			if mark, failed := r.read(late, by); failed == nil {
				r.mark = mark
			}
		}
	} else if isCode(err, lockNotAvailable) { // somebody changes the table: later
		err = nil
	}
	_, errEnd := by.Exec(late, "ROLLBACK")
	if errEnd != nil {
		by.end()
	}
	return renewed, errors.Join(err, errEnd)
}

// replace begins another transaction, while another session has the row. If it
// fails the row may be free: the session is ended, to be won again.
func (r *row) replace(ctx context.Context) error {
	_, err := r.s.Exec(ctx, "COMMIT")
	if err == nil {
		err = r.s.take(ctx, r.lock(), rowWait)
	}
	if err == nil {
		err = r.begun(ctx)
	}
	if err != nil {
		r.end()
	}
	return err
}
