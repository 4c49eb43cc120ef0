package pglock

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/lock"
)

// prepare finds or makes the tables and says which keys go with them.
func (o *Options) prepare(ctx context.Context, s *session) (Keys, error) {
	keys, err := KeysOf(ctx, s.Conn, o.Tables)
	if err != nil {
		return keys, err
	}
	there, err := s.hasTable(ctx, o.Tables.Epoch())
	switch {
	case err != nil || there:
		return keys, err
	case !o.CreateTables:
		return keys, fmt.Errorf("%w: %s is not in the database; make it with the SQL that `conclave schema` prints, "+
			"or set createTablesOnStartup", ErrNoTables, o.Tables.Epoch())
	}
	return keys, o.createTables(ctx, s)
}

func (s *session) hasTable(ctx context.Context, name string) (there bool, err error) {
	err = s.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there)
	return there, err
}

// createTables lets one broker at a time do it: IF NOT EXISTS does not keep
// two that begin together apart.
func (o *Options) createTables(ctx context.Context, s *session) error {
	err := pgx.BeginFunc(ctx, s.Conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", keyOf("schema", o.Tables.Epoch())); err != nil {
			return err
		}
		for _, sql := range o.Tables.Schema() {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if isCode(err, insufficientPrivilege, invalidSchema) {
		return fmt.Errorf("%w, and role %s may not make them: have the owner of the schema run the SQL that `conclave schema` prints: %w",
			ErrNoTables, o.Source.config.User, err)
	}
	return err
}

// retry paces attempts to reach the database.
type retry struct {
	next  time.Duration
	cause string // of the last failure that was logged
}

// firstRetry is the first pause; each is twice as long as the one before, up
// to Options.SleepInterval.
const firstRetry = 50 * time.Millisecond

// reached ends a series of failures.
func (r *retry) reached() { r.next, r.cause = 0, "" }

// pause lets time pass after a failure, which is logged when it is a new one.
func (r *retry) pause(ctx context.Context, o *Options, err error) error {
	if cause := err.Error(); cause != r.cause {
		r.cause = cause
		o.Log.Warn("Failed to acquire lock. Trying again until the database answers", "database", o.Source.String(), "error", err)
	}
	r.next = min(max(2*r.next, firstRetry), o.SleepInterval)
	return lock.Pause(ctx, r.next)
}
