package pglock

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrDeposed reports a transaction that the fence has kept from committing:
// another has taken an epoch since.
var ErrDeposed = errors.New("another broker has taken the database over")

// Fence is what every writing transaction begins with; see the package
// comment. Its statements have no parameters and return one row that says
// nothing, so they can be the first two of a pipeline:
//
//	BEGIN ISOLATION LEVEL READ COMMITTED
//	<Lock>
//	<Check>
//	…
//	COMMIT
//
// They have to be two statements, since the second needs a snapshot from after
// the first has been granted, and the isolation level has to be that one.
type Fence struct {
	Table  string // Tables.Epoch
	Key    int64  // of the advisory lock; Keys.Fence
	Epoch  uint64
	Holder string // lock.Holder.ID: after a failover to a standby that missed an epoch, its number comes twice
}

// Lock waits while another takes an epoch.
func (f Fence) Lock() string {
	return fmt.Sprintf("SELECT pg_advisory_xact_lock_shared(%d)", f.Key)
}

// Check fails, and its transaction with it, unless the epoch still stands.
func (f Fence) Check() string {
	return fmt.Sprintf("SELECT 1/count(*) FROM %s WHERE ID = 1 AND EPOCH = %d AND HOLDER = '%s'", f.Table, f.Epoch, quoted(f.Holder))
}

// Queue puts both into a batch, which has to be within a transaction.
func (f Fence) Queue(b *pgx.Batch) {
	b.Queue(f.Lock())
	b.Queue(f.Check())
}

// Enter runs both. Its error is ErrDeposed if the epoch does not stand.
func (f Fence) Enter(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, f.Lock()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, f.Check())
	return Deposed(err)
}

// divisionByZero is what Check fails with.
const divisionByZero = "22012"

// Deposed turns the error that Check fails with, in a pipeline too, into one
// that wraps ErrDeposed. Every other error stays as it is.
func Deposed(err error) error {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) && e.Code == divisionByZero {
		return ErrDeposed
	}
	return err
}

// Keys are the advisory locks of one schema and prefix, in the space of the
// whole database.
type Keys struct {
	// Lock is held by the master for as long as it is one; Fence by writing
	// transactions.
	Lock, Fence int64
}

// KeysOf asks where the tables are, so that brokers which reach them by
// different search paths have the same keys, and others do not.
func KeysOf(ctx context.Context, conn *pgx.Conn, t Tables) (Keys, error) {
	const where = `SELECT COALESCE((SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid = to_regclass($1)), CASE WHEN $2 THEN lower($1) ELSE current_schema() || '.' || lower($1) END)`
	var name *string
	if err := conn.QueryRow(ctx, where, t.Epoch(), t.qualified()).Scan(&name); err != nil {
		return Keys{}, fmt.Errorf("find table %s: %w", t.Epoch(), err)
	}
	if name == nil {
		return Keys{}, fmt.Errorf("find table %s: the search_path names no schema that exists", t.Epoch())
	}
	return Keys{Lock: keyOf("lock", *name), Fence: keyOf("fence", *name)}, nil
}

// keyOf is positive and not 0.
func keyOf(purpose, table string) int64 {
	sum := sha256.Sum256([]byte("conclave " + purpose + " " + table))
	return int64(binary.BigEndian.Uint64(sum[:8])>>1 | 1)
}
