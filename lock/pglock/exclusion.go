package pglock

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoExclusion reports a database, or something in front of one, whose
// advisory locks do not keep two sessions apart.
var ErrNoExclusion = errors.New("advisory locks do not exclude here")

// Why they do not, and what to do.
const (
	pooled = "a pooler or proxy in front of the database gives each transaction another of its sessions; " +
		"connect to the database itself, or to a pool in session mode; the store needs that too, whichever the locker is"
	ineffective = "the database grants one lock to two sessions, as CockroachDB does; use PostgreSQL itself"
)

// proveExclusion tries with a lock of no meaning, and a second session, what
// the locks of session s are worth. It changes nothing.
func proveExclusion(ctx context.Context, source *Source, s *session, log *slog.Logger) error {
	other, err := open(ctx, source, "proof")
	if err != nil {
		return fmt.Errorf("prove exclusion with a second session: %w", err)
	}
	defer other.end()
	p := &proof{one: s, two: other, key: trialKey()}
	if err := p.run(ctx); err != nil {
		return err
	}
	if s.backend != int64(s.PgConn().PID()) {
		log.Warn("the database is reached through a proxy: if this host vanishes, it is the proxy that has to notice", "database", source.String())
	}
	if s.version < firstIdle {
		log.Warn("the database is older than version 14: it cannot notice that a master is frozen whose host lives", "version", s.version)
	}
	return nil
}

// proof is one trial with two sessions.
type proof struct {
	one, two *session
	key      int64
}

// proofTime is enough for a slow database. A pooler that has one session to
// lend keeps the second connection waiting.
const proofTime = 10 * time.Second

func (p *proof) run(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	for _, step := range []func(context.Context) error{p.sessionsStay, p.settingsStay, p.locksExclude} {
		if err := step(bounded); err != nil && bounded.Err() != nil && ctx.Err() == nil {
			return fmt.Errorf("%w: one session waits for another: %s", ErrNoExclusion, pooled)
		} else if isCode(err, protocolViolation) { // PgBouncer, in statement mode
			return fmt.Errorf("%w: %w: %s", ErrNoExclusion, err, pooled)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// trialKey is even; Keys are odd.
func trialKey() int64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:]) >> 1 &^ 1)
}

// sessionsStay looks whether each connection is a session of its own: a pooler
// in transaction mode gives the server's session that a transaction of one
// connection occupies to nobody else, and any other to the second.
func (p *proof) sessionsStay(ctx context.Context) error {
	for _, pair := range [][2]*session{{p.one, p.two}, {p.two, p.one}} {
		occupant, looking := pair[0], pair[1]
		tx, err := occupant.Begin(ctx)
		if err != nil {
			return fmt.Errorf("prove exclusion: %w", err)
		}
		_, errOne := p.backend(ctx, occupant, tx)
		_, errTwo := p.backend(ctx, looking, looking.Conn)
		if err := errors.Join(errOne, errTwo, tx.Rollback(ctx)); err != nil {
			return err
		}
	}
	if p.one.backend == p.two.backend {
		return fmt.Errorf("%w: %s", ErrNoExclusion, pooled)
	}
	return nil
}

// backend asks for the server's process, which must not have changed.
func (p *proof) backend(ctx context.Context, s *session, q querier) (backend int64, err error) {
	if err := q.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return 0, fmt.Errorf("prove exclusion: %w", err)
	}
	if backend != s.backend {
		return 0, fmt.Errorf("%w: the session has changed between two statements: %s", ErrNoExclusion, pooled)
	}
	return backend, nil
}

// settingsStay looks whether what one statement sets another finds.
func (p *proof) settingsStay(ctx context.Context) error {
	var found string
	if err := p.one.QueryRow(ctx, "SELECT setting FROM pg_settings WHERE name = 'lock_timeout'").Scan(&found); err != nil {
		return fmt.Errorf("prove exclusion: %w", err)
	}
	if found != fmt.Sprint(waitTime.Milliseconds()) {
		return fmt.Errorf("%w: a setting of the session was forgotten between two statements: %s", ErrNoExclusion, pooled)
	}
	return nil
}

// locksExclude looks whether a lock that one session has is refused to the
// other, seen by both, and free when it is given up.
func (p *proof) locksExclude(ctx context.Context) error {
	for _, step := range []struct {
		who  *session
		sql  string
		want bool
		why  string
	}{
		{p.one, "SELECT pg_try_advisory_lock($1)", true, "a lock that nobody has is refused"},
		{p.two, "SELECT pg_try_advisory_lock($1)", false, ineffective},
		{p.two, fmt.Sprintf("SELECT %s = %d", holderOf, p.one.backend), true, "a lock that was granted is not in pg_locks: " + ineffective},
		{p.one, "SELECT pg_advisory_unlock($1)", true, "a lock that was granted could not be given up: " + pooled},
		{p.two, "SELECT pg_try_advisory_lock($1)", true, "a lock that was given up is still refused: " + pooled},
		{p.two, "SELECT pg_advisory_unlock($1)", true, "a lock that was granted could not be given up: " + pooled},
	} {
		var got *bool
		if err := step.who.QueryRow(ctx, step.sql, p.key).Scan(&got); err != nil {
			return fmt.Errorf("prove exclusion: %w", err)
		}
		if got == nil || *got != step.want {
			return fmt.Errorf("%w: %s", ErrNoExclusion, step.why)
		}
	}
	return nil
}

// ErrOtherDatabase reports a store in another database than its lock.
var ErrOtherDatabase = errors.New("the lock is in another database than the messages")

// proveSame tries whether a lock that is taken by one way excludes by the
// other. It works through a pooler on either. nil is no other way.
func proveSame(ctx context.Context, s *session, other *Source) error {
	if other == nil {
		return nil
	}
	there, err := attach(ctx, other)
	if err != nil {
		return fmt.Errorf("prove that %s is the database of the lock: %w", other, err)
	}
	defer there.end()
	key := trialKey()
	var granted bool
	err = pgx.BeginFunc(ctx, s.Conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", key); err != nil {
			return err
		}
		return there.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", key).Scan(&granted)
	})
	if err != nil {
		return fmt.Errorf("prove that %s is the database of the lock: %w", other, err)
	}
	if granted {
		return fmt.Errorf("%w: a deposed master could not be kept from writing to %s; have lockDataSource lead to that one, or leave it out", ErrOtherDatabase, other)
	}
	return nil
}

// proveFence tries whether a lock that lasts as long as a transaction keeps
// another transaction out: that is what a fence is made of.
func proveFence(ctx context.Context, source *Source, s *session) error {
	other, err := attach(ctx, source)
	if err != nil {
		return fmt.Errorf("prove exclusion with a second session: %w", err)
	}
	defer other.end()
	key := trialKey()
	var granted bool
	err = pgx.BeginFunc(ctx, s.Conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock_shared($1)", key); err != nil {
			return err
		}
		return other.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", key).Scan(&granted)
	})
	if isCode(err, protocolViolation) {
		return fmt.Errorf("%w: %w: a pooler in statement mode keeps no transaction together; use its transaction mode", ErrNoExclusion, err)
	}
	if err != nil {
		return fmt.Errorf("prove exclusion: %w", err)
	}
	if granted {
		return fmt.Errorf("%w: %s", ErrNoExclusion, ineffective)
	}
	return nil
}

// holderOf is the server's process that has the advisory lock $1, or null.
const holderOf = `(SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND classid::bigint = $1::bigint >> 32 AND objid::bigint = $1::bigint & 4294967295 LIMIT 1)`
