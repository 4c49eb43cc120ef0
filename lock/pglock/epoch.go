package pglock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/conclavemq/conclave/lock"
)

// TakeEpoch takes the next epoch for a holder and returns its fence. The
// caller has the lock, or is a test. It waits for transactions of the last
// holder that are under way, for a moment.
func TakeEpoch(ctx context.Context, conn *pgx.Conn, t Tables, h lock.Holder) (Fence, error) {
	if err := t.Check(); err != nil {
		return Fence{}, err
	}
	keys, err := KeysOf(ctx, conn, t)
	if err != nil {
		return Fence{}, err
	}
	return takeEpoch(ctx, conn, t, keys, h, nil)
}

// errWriters: transactions of the last holder are still under way.
var errWriters = errors.New("transactions of the last master are still under way")

// takeEpoch also runs within, if it is given, in the same transaction before
// the epoch is taken; its error ends it.
func takeEpoch(ctx context.Context, conn *pgx.Conn, t Tables, keys Keys, h lock.Holder, within func(pgx.Tx) error) (Fence, error) {
	f := Fence{Table: t.Epoch(), Key: keys.Fence, Holder: h.ID}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return f, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if within != nil {
		if err := within(tx); err != nil {
			return f, err
		}
	}
	// Whatever the role's settings are: an epoch must not be forgotten.
	batch := &pgx.Batch{}
	batch.Queue("SET LOCAL synchronous_commit = on")
	batch.Queue(fmt.Sprintf("SET LOCAL lock_timeout = %d", officeRetry.Milliseconds()))
	batch.Queue(fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", f.Key))
	if err := tx.SendBatch(ctx, batch).Close(); isCode(err, lockNotAvailable) {
		return f, errWriters
	} else if err != nil {
		return f, fmt.Errorf("wait for transactions of the last master: %w", err)
	}
	var epoch int64
	err = tx.QueryRow(ctx, "INSERT INTO "+t.Epoch()+" AS e (ID, EPOCH, HOLDER, BROKER, HOST, PID, BACKEND, SINCE, WINDOW_MS, URIS)"+
		" VALUES (1, 1, $1, $2, $3, $4, pg_backend_pid(), clock_timestamp(), $5, $6)"+
		" ON CONFLICT (ID) DO UPDATE SET EPOCH = e.EPOCH + 1, HOLDER = EXCLUDED.HOLDER, BROKER = EXCLUDED.BROKER, HOST = EXCLUDED.HOST"+
		", PID = EXCLUDED.PID, BACKEND = EXCLUDED.BACKEND, SINCE = EXCLUDED.SINCE, WINDOW_MS = EXCLUDED.WINDOW_MS, URIS = EXCLUDED.URIS"+
		", RELEASED = NULL, SUCCESSOR = NULL, PATIENCE_MS = NULL RETURNING EPOCH",
		h.ID, clip(h.Broker), clip(h.Host), h.PID, h.WindowMillis, strings.Join(h.URIs, " ")).Scan(&epoch)
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		return f, fmt.Errorf("take the next epoch: %w", err)
	}
	f.Epoch = uint64(epoch)
	return f, nil
}

// clip keeps text within a column.
func clip(text string) string {
	const most = 250
	for len(text) > most {
		text = text[:len(text)-1]
	}
	return strings.ToValidUTF8(text, "")
}

// record is the row of the table.
type record struct {
	lock.Holder
	backend   int64 // of the holder's lock session
	released  bool
	successor string
	patience  time.Duration
}

// readRecord gives the last holder, or the zero record if there has been none
// or the table is not there.
func readRecord(ctx context.Context, q querier, t Tables) (record, error) {
	var r record
	var epoch, patience int64
	var uris string
	err := q.QueryRow(ctx, "SELECT EPOCH, HOLDER, BROKER, HOST, PID, BACKEND, SINCE, WINDOW_MS, URIS"+
		", RELEASED IS NOT NULL, COALESCE(SUCCESSOR, ''), COALESCE(PATIENCE_MS, 0) FROM "+t.Epoch()+" WHERE ID = 1").
		Scan(&epoch, &r.ID, &r.Broker, &r.Host, &r.PID, &r.backend, &r.Since, &r.WindowMillis, &uris, &r.released, &r.successor, &patience)
	switch {
	case errors.Is(err, pgx.ErrNoRows) || isCode(err, undefinedTable):
		return record{}, nil
	case err != nil:
		return record{}, fmt.Errorf("read the last epoch: %w", err)
	}
	r.Epoch, r.URIs = uint64(epoch), strings.Fields(uris)
	r.patience = min(max(time.Duration(patience)*time.Millisecond, 0), maxPatience)
	return r, nil
}

// querier is a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Codes of PostgreSQL's errors.
const (
	undefinedTable        = "42P01"
	undefinedObject       = "42704"
	lockNotAvailable      = "55P03"
	insufficientPrivilege = "42501"
	queryCanceled         = "57014"
	readOnlyTransaction   = "25006"
)

func isCode(err error, codes ...string) bool {
	e := (*pgconn.PgError)(nil)
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.Code == code {
			return true
		}
	}
	return false
}

// maxPatience bounds what is believed of another's patience.
const maxPatience = time.Minute
