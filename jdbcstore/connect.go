package jdbcstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectTimeout bounds one attempt to connect, where the data source
	// says nothing.
	connectTimeout = 5 * time.Second
	// silence is how long a peer may not answer, in milliseconds, before a
	// session with it is given up.
	silence = 10000
	// endPatience is how long a session may take to end that was told to.
	endPatience = 5 * time.Second
)

// settings are what each session is set to. They make the plans independent of
// statistics: every query of ours has an index that it is to use, and nothing
// is done twice because a table was analyzed at a bad time.
// Notices, of somebody's triggers, would fill a connection that nobody reads while
// it is written to. A role for which commits are not durable by default gets durable ones; limits
// of its time are lifted, as far as the server's version has them.
const settings = `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; SET conclave.writer = 'on'; SET default_transaction_isolation = 'read committed'; SET client_encoding = 'UTF8'; SET client_min_messages = 'error';
SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET enable_mergejoin = off;
SET enable_hashjoin = off; SET jit = off; SET statement_timeout = 0; SET lock_timeout = 0; SET standard_conforming_strings = on;
SELECT set_config(n, '0', false) FROM (VALUES ('idle_session_timeout'), ('transaction_timeout')) v (n) WHERE current_setting(n, true) IS NOT NULL;
SET idle_in_transaction_session_timeout = '10s'; SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3`

// poolConfig makes the configuration of all sessions.
func (o *Options) poolConfig() (*pgxpool.Config, error) {
	config := o.Config
	if config == nil {
		var err error
		if config, err = pgxpool.ParseConfig(o.DataSource); err != nil {
			return nil, fmt.Errorf("jdbcstore: %w: data source: %w", errOptions, err)
		}
	}
	config = config.Copy()
	config.MaxConns = int32(o.MaxConnections - 1) // the committer has one of its own
	config.MinConns = 0
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	c := &config.ConnConfig.Config
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.ValidateConnect == nil { // of several hosts, the one that can write
		c.ValidateConnect = takesWrites
	}
	dialer := &net.Dialer{Control: control, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	c.DialFunc = dialer.DialContext
	c.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	after := config.ConnConfig.AfterConnect
	config.ConnConfig.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if after != nil {
			if err := after(ctx, conn); err != nil {
				return err
			}
		}
		_, err := conn.Exec(ctx, settings).ReadAll()
		return err
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "conclave store"
	}
	return config, nil
}

// takesWrites refuses a standby, and a database or role that only reads.
func takesWrites(ctx context.Context, conn *pgconn.PgConn) error {
	err := pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, conn)
	if err != nil && !conn.IsClosed() {
		err = fmt.Errorf("%w: %w; name the primary among the hosts", errServer, err)
	}
	return err
}

// connect opens the committer's session. One that it replaces has ended
// before connect returns: what it had sent is carried out or never will be.
func (s *Store) connect(ctx context.Context) (*session, error) {
	config := s.config.ConnConfig.Config.Copy()
	var nonce [6]byte
	_, _ = rand.Read(nonce[:])
	name := "conclave committer " + strconv.FormatUint(s.epoch(), 10) + " " + hex.EncodeToString(nonce[:])
	config.RuntimeParams = maps.Clone(config.RuntimeParams)
	config.RuntimeParams["application_name"] = name
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	c := &session{conn: conn, name: name, fence: s.o.Fence, replace: s.names.Replace,
		own: &statementCache{texts: s.texts, ready: map[statement]bool{}}}
	// A deadline that has passed ends whatever waits for the connection.
	c.unwatch = context.AfterFunc(s.context, func() { _ = conn.Conn().SetDeadline(time.Unix(1, 0)) })
	if old := s.session; old != nil {
		old.unwatch()
		err = c.end(ctx, old.name)
	}
	if err == nil {
		err = c.prepareFence(ctx)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// end makes sure that a session of that name is no more.
func (c *session) end(ctx context.Context, name string) error {
	const text = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`
	ctx, cancel := context.WithTimeout(ctx, endPatience)
	defer cancel()
	for {
		reader := c.conn.ExecParams(ctx, text, [][]byte{[]byte(name)}, []uint32{oidText}, binaryFormats, binaryResult)
		found := reader.NextRow()
		if _, err := reader.Close(); err != nil || !found {
			return err
		}
		if _, err := c.conn.Exec(ctx, "SELECT pg_sleep(0.01)").ReadAll(); err != nil {
			return err
		}
	}
}

func (c *session) close() {
	c.unwatch()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.conn.Close(ctx)
}
