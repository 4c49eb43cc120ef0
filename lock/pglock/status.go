package pglock

import (
	"context"
	"sync"

	"github.com/conclavemq/conclave/lock"
)

// Watcher reads who owns a database. It takes no lock and writes nothing. It
// keeps its connection, for those who ask often; Close ends it.
type Watcher struct {
	source *Source
	tables Tables

	mu   sync.Mutex
	conn *session // guarded by mu; nil when it is not connected
	keys Keys     // guarded by mu; zero until they are known
}

// NewWatcher does not connect yet.
func NewWatcher(source *Source, tables Tables) *Watcher {
	return &Watcher{source: source, tables: tables}
}

// Holder reads who owns the database now. It waits for ctx at most, and for
// another call.
func (w *Watcher) Holder(ctx context.Context) (lock.Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil || w.conn.IsClosed() {
		s, err := attach(ctx, w.source)
		if err != nil {
			return lock.Status{}, err
		}
		w.conn = s
	}
	o := Options{Source: w.source, Tables: w.tables}
	if w.keys == (Keys{}) {
		keys, err := KeysOf(ctx, w.conn.Conn, w.tables)
		if err != nil {
			return lock.Status{}, err
		}
		w.keys = keys
	}
	return o.look(ctx, w.conn, w.keys)
}

// Close ends the connection.
func (w *Watcher) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn.end()
	w.conn = nil
}

// ReadHolder reads who owns a database, once.
func ReadHolder(ctx context.Context, source *Source, tables Tables) (lock.Status, error) {
	if err := tables.Check(); err != nil {
		return lock.Status{}, err
	}
	w := NewWatcher(source, tables)
	defer w.Close()
	return w.Holder(ctx)
}

// look reads the last epoch, who has the advisory lock, and whether somebody
// who has neither holds ActiveMQ's row or lease.
func (o *Options) look(ctx context.Context, s *session, keys Keys) (lock.Status, error) {
	last, err := readRecord(ctx, s, o.Tables)
	if err != nil {
		return lock.Status{}, err
	}
	status := lock.Status{Holder: last.Holder}
	if err := s.QueryRow(ctx, "SELECT "+holderOf+" IS NOT NULL", keys.Lock).Scan(&status.Held); err != nil || status.Held {
		return status, err
	}
	table := o.Tables.Lock()
	if there, err := s.hasTable(ctx, table); !there || err != nil {
		return status, err
	}
	now, err := readLease(ctx, s, table)
	if err != nil {
		return status, err
	}
	if now.left > 0 {
		status.Held = true
		if !isLeaseOf(now.name, last) {
			status.Foreign = now.name + " (by a lease in " + table + ")"
		}
		return status, nil
	}
	// Who waits for the row has the table open too: but then somebody has it.
	var foreign bool
	err = s.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND granted AND mode = 'RowShareLock'
		AND relation = to_regclass($1) AND pid <> pg_backend_pid())`, table).Scan(&foreign)
	if foreign {
		status.Held, status.Foreign = true, "another server, such as ActiveMQ (its row in "+table+" is locked)"
	}
	return status, err
}
