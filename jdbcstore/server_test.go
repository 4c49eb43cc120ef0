//go:build postgres

package jdbcstore

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness/postgres"
)

// server is started once for all tests of the package.
var server *postgres.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// Each run of the model makes a schema, and each of its steps is several
	// transactions. -rapid.checks says otherwise.
	err := flag.Set("rapid.checks", "15")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flag.Parse()
	if server, err = postgres.New(postgres.Options{Settings: map[string]string{"max_connections": "60"}}); err == nil {
		err = server.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = server.Close() }()
	return m.Run()
}

// schemas numbers the schemas of tests: each has one of its own.
var schemas atomic.Int64

// emptySchema makes a schema and returns the prefix that names it.
func emptySchema(t testing.TB) string {
	name := fmt.Sprintf("s%d", schemas.Add(1))
	sql(t, "CREATE SCHEMA "+name)
	return name + "."
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func options(prefix string) Options {
	return Options{DataSource: server.URL("postgres"), Tables: Tables{Prefix: prefix}, Log: quiet()}
}

func mustOpen(t testing.TB, o Options) *Store {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s, err := Open(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// sql runs statements as another client.
func sql(t testing.TB, statements ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		_, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, statement)
	}
}

// number asks for one.
func number(t testing.TB, query string, parameters ...any) (n int64) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	require.NoError(t, conn.QueryRow(ctx, query, parameters...).Scan(&n))
	return n
}
