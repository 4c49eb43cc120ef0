package pglock

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// closeTime bounds a polite end of a session.
	closeTime = time.Second
	// blockTime bounds one wait for a lock: a statement that waits has a
	// snapshot, which keeps what died since from being removed. A row that each
	// transaction of the master changes would then have a version for each,
	// which the next has to walk through. The wait goes on at once with another.
	blockTime = 500 * time.Millisecond
	// waitTime is the same where each end of a wait is a line in the server's
	// log.
	waitTime = 10 * time.Second
	// silenceTime is how long a session may say nothing before the server ends
	// it: longer than a lease can be valid without a proof. From the last sign
	// of life of a host that has vanished it takes as long.
	silenceTime = userTimeout
	// firstIdle is the first version with idle_session_timeout.
	firstIdle = 140000
)

// session is one connection of the election's own, outside any pool.
type session struct {
	*pgx.Conn
	backend int64     // the server's process, by its own account
	began   time.Time // of that process, by the server's clock
	version int       // of the server, 150004 is 15.4
	// timeline numbers the server's history: it changes with the promotion of
	// a standby, which may have missed what was committed last.
	timeline string
	// blockless: the server runs no blocks of PL/pgSQL for this role.
	blockless bool
}

const timeline = "left(pg_walfile_name(pg_current_wal_lsn()), 8)"

// attach connects and leaves the session as it is: it may be a pooler's, lent
// for one statement.
func attach(ctx context.Context, source *Source) (*session, error) {
	conn, err := pgx.ConnectConfig(ctx, source.config)
	if err != nil {
		return nil, err
	}
	return &session{Conn: conn}, nil
}

// open connects and has the server notice the end of this process or its host.
func open(ctx context.Context, source *Source, name string) (*session, error) {
	s, err := attach(ctx, source)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, name); err != nil {
		s.end()
		return nil, fmt.Errorf("set up session: %w", err)
	}
	return s, nil
}

// prepare sets what the server knows of; an older one does not know all. The
// settings of TCP do nothing on a Unix socket.
func (s *session) prepare(ctx context.Context, name string) error {
	millis := func(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
	seconds := func(d time.Duration) string { return fmt.Sprint(int(d.Seconds())) }
	rows, err := s.Query(ctx, `SELECT set_config(s.name, v.value, false) FROM (VALUES
		('application_name', $1), ('statement_timeout', '0'), ('lock_timeout', $2), ('transaction_timeout', '0'),
		('tcp_keepalives_idle', $3), ('tcp_keepalives_interval', $4), ('tcp_keepalives_count', $5), ('tcp_user_timeout', $6),
		('idle_session_timeout', $6), ('idle_in_transaction_session_timeout', $6), ('client_connection_check_interval', '1000'))
		AS v (name, value) JOIN pg_settings s ON s.name = v.name
		WHERE s.name <> 'client_connection_check_interval' OR version() !~ 'mingw|msvc|Visual'`,
		"conclave lock "+name, millis(waitTime), seconds(dialIdle), seconds(dialInterval), fmt.Sprint(dialProbes), millis(silenceTime))
	if err != nil {
		return err
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return err
	}
	return s.QueryRow(ctx, `SELECT pg_backend_pid(), COALESCE((SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid())), now()),
		current_setting('server_version_num')::int, `+timeline).Scan(&s.backend, &s.began, &s.version, &s.timeline)
}

// end closes the connection, with all locks of its session. A session that
// is nil has ended.
func (s *session) end() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = s.Close(ctx) // the socket goes in any case
}
