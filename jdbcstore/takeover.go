package jdbcstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/conclavemq/conclave/store"
)

// minServer is the oldest server that has what the statements use.
const minServer = 120000

// takeOver makes the schema ready and reads what it holds. Nothing that it
// does when only Conclave has written depends on how many messages there are.
func (s *Store) takeOver(ctx context.Context) (err error) {
	if s.session, err = s.connect(ctx); err != nil {
		return explain(err)
	}
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer pooled.Release()
	conn := pooled.Conn()
	if err := s.checkSessions(ctx, conn.PgConn()); err != nil {
		return err
	}
	if err := s.checkDatabase(ctx, conn); err != nil {
		return err
	}
	counted, err := s.ensureSchema(ctx, conn)
	if err != nil {
		return err
	}
	foreign, err := s.readState(ctx, conn)
	if err != nil {
		return explain(err)
	}
	if foreign || !counted {
		if err := s.reconcile(ctx, conn); err != nil {
			return fmt.Errorf("reckon with another broker's writes: %w", explain(err))
		}
	} else if err := s.checkFence(ctx, conn); err != nil {
		return err
	}
	return explain(s.load(ctx, conn, foreign))
}

// checkSessions refuses a pooler that lends its sessions for a transaction: the
// store's have settings and prepared statements. Two connections that take turns
// get one such session.
func (s *Store) checkSessions(ctx context.Context, other *pgconn.PgConn) error {
	seen := map[string]*pgconn.PgConn{}
	for range 2 {
		for _, conn := range []*pgconn.PgConn{s.session.conn, other} {
			results, err := conn.Exec(ctx, "SELECT pg_backend_pid()").ReadAll()
			if err != nil {
				return explain(err)
			}
			backend := string(results[0].Rows[0][0])
			if before := seen[backend]; before != nil && before != conn {
				return errPooled
			}
			seen[backend] = conn
		}
	}
	return nil
}

// checkDatabase refuses a server that cannot be worked with.
func (s *Store) checkDatabase(ctx context.Context, conn *pgx.Conn) error {
	var version int
	var encoding string
	var standby bool
	var off []string // settings of the server without which a crash of its host loses what it has committed
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_is_in_recovery(),
		ARRAY(SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name)`).Scan(&version, &encoding, &standby, &off)
	switch {
	case err != nil:
		return err
	case version < minServer:
		return fmt.Errorf("%w: PostgreSQL %d.%d is too old, use 12 or newer", errServer, version/10000, version%10000)
	case standby:
		return fmt.Errorf("%w: it is a standby; name the primary, or target_session_attrs=read-write with all hosts", errServer)
	case encoding != "UTF8":
		s.o.Log.Warn("database is not encoded in UTF8; names that it cannot hold are refused", "encoding", encoding)
	}
	if len(off) > 0 {
		s.o.Log.Warn("the database may lose what was confirmed, or all it has, when its host crashes: settings of the server are off", "settings", off)
	}
	return nil
}

// explain adds to an error about rights or missing tables what to do.
func explain(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case "42P05", "26000", "08P01": // a prepared statement of another connection, or none of one's own
		return fmt.Errorf("%w: %w", errPooled, err)
	case "42501":
		return fmt.Errorf("%w: %w; `conclave schema` prints what its owner has to run", ErrSchemaRights, err)
	case "42P01", "42703", "3F000":
		return fmt.Errorf("%w: %w; `conclave schema` prints what makes it", ErrSchemaMissing, err)
	}
	return err
}

// ensureSchema makes what is missing. It reports whether a writer that is no
// Conclave would be noticed.
func (s *Store) ensureSchema(ctx context.Context, conn *pgx.Conn) (counted bool, err error) {
	missing, err := s.missing(ctx, conn)
	if err != nil || len(missing) == 0 {
		return true, explain(err)
	}
	if i := slices.IndexFunc(missing, func(name string) bool { return strings.HasPrefix(name, "column ") }); i >= 0 {
		return false, fmt.Errorf("%w: %s; `conclave schema` prints how the tables have to be", ErrSchemaMissing, missing[i])
	}
	if !s.o.NoCreateTables {
		err = s.create(ctx, conn)
		if err == nil {
			return true, nil
		}
	}
	if !slices.ContainsFunc(missing, essential) {
		s.o.Log.Warn("database schema lacks what only makes it faster or safer; `conclave schema` prints it", "missing", missing, "error", err)
		return !slices.ContainsFunc(missing, func(name string) bool { return strings.HasPrefix(name, "trigger ") }), nil
	}
	if err != nil {
		return false, explain(err)
	}
	return false, fmt.Errorf("%w: %s; `conclave schema` prints what makes it", ErrSchemaMissing, strings.Join(missing, ", "))
}

func essential(name string) bool { return strings.HasPrefix(name, "table ") }

// missing lists what the schema lacks.
func (s *Store) missing(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	r := s.names
	var names []string
	for _, name := range []string{"{msgs}", "{acks}", "{state}", "{dests}", "{subs}", "{acked}", "{counters}", "{producers}", "{prepared}"} {
		names = append(names, strings.ToLower(r.Replace(name)))
	}
	rows, _ := conn.Query(ctx, r.Replace(`SELECT 'table ' || n FROM unnest($1::text[]) n WHERE to_regclass(n) IS NULL
		UNION ALL SELECT 'column ' || c || ' of ' || t FROM (VALUES (($4::text[])[1], $5::text[]), (($4::text[])[2], $6::text[])) v(t, columns), unnest(columns) c
			WHERE to_regclass(t) IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass(t) AND a.attname = c AND NOT a.attisdropped)
		UNION ALL SELECT 'index ' || lower(i) FROM unnest($2::text[]) i WHERE NOT EXISTS (SELECT 1 FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
			WHERE x.indrelid = to_regclass($3) AND c.relname = lower(i))
		UNION ALL SELECT 'trigger on ' || t FROM unnest($4::text[]) t WHERE NOT EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgrelid = to_regclass(t) AND g.tgname = 'conclave_foreign' AND g.tgenabled <> 'D')`),
		names, []string{r.Replace("{msgsbare}_MIDX"), r.Replace("{msgsbare}_CONCLAVE_IDX"), r.Replace("{msgsbare}_CONCLAVE_PIDX")}, names[0], names[:2], msgsColumns, acksColumns)
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Columns of ActiveMQ's tables that the statements use.
var (
	msgsColumns = []string{"id", "container", "msgid_prod", "msgid_seq", "expiration", "msg", "priority", "xid"}
	acksColumns = []string{"container", "sub_dest", "client_id", "sub_name", "selector", "last_acked_id", "priority", "xid"}
)

// create runs the statements of Schema.
func (s *Store) create(ctx context.Context, conn *pgx.Conn) error {
	list, err := Schema(s.o)
	if err != nil {
		return err
	}
	s.o.Log.Info("making database schema", "prefix", s.o.Tables.Prefix)
	for _, statement := range list {
		if _, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("make schema: %w", err)
		}
	}
	return nil
}

// readState checks the version, and reports whether another broker than
// Conclave has written.
func (s *Store) readState(ctx context.Context, conn *pgx.Conn) (foreign bool, err error) {
	var version int
	err = conn.QueryRow(ctx, s.names.Replace(`SELECT VERSION, FOREIGN_WRITES FROM {state} WHERE ID = 1`)).Scan(&version, &foreign)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("%w: %s is empty", ErrSchemaMissing, s.names.Replace("{state}"))
	}
	if err == nil && version > SchemaVersion {
		err = fmt.Errorf("%w: %d, this program knows %d", ErrSchemaVersion, version, SchemaVersion)
	}
	if err != nil {
		return false, err
	}
	// The primary key may or may not tell priorities apart.
	err = conn.QueryRow(ctx, s.names.Replace(`SELECT COALESCE(bool_or(x.indnatts >= 4), FALSE), `+copyable+` FROM pg_index x WHERE x.indrelid = to_regclass('{acks}') AND x.indisprimary`)).Scan(&s.manyRows, &s.copies)
	return foreign, err
}

// enter begins a transaction with the statements of the fence.
func (s *Store) enter(ctx context.Context, conn *pgx.Conn) (pgx.Tx, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range s.o.Fence {
		if _, err := tx.Exec(ctx, statement); err != nil {
			_ = tx.Rollback(ctx)
			if judge(err) == deposed {
				err = fmt.Errorf("%w: %w", store.ErrLeaseLost, err)
			}
			return nil, err
		}
	}
	return tx, nil
}

// checkFence makes sure that the epoch stands.
func (s *Store) checkFence(ctx context.Context, conn *pgx.Conn) error {
	tx, err := s.enter(ctx, conn)
	if err != nil {
		return err
	}
	return tx.Rollback(ctx)
}
