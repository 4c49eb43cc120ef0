//go:build postgres

package postgres

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// proxy starts pgbouncer before the shared server and returns a URL through it.
func proxy(t *testing.T, mode, database string) string {
	t.Helper()
	port, err := harness.FreePort()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "pgbouncer") // t.TempDir is closed to other users
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users"), fmt.Appendf(nil, "%q %q\n", postgres.User, postgres.Password), 0o644))
	file := filepath.Join(dir, "pgbouncer.ini")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = %s
default_pool_size = 20
ignore_startup_parameters = extra_float_digits,options
`, shared.Port(), port, filepath.Join(dir, "users"), mode), 0o644))
	argv := []string{"pgbouncer", file}
	if os.Geteuid() == 0 { // which it refuses to run as
		require.NoError(t, os.Chmod(dir, 0o755))
		require.NoError(t, exec.Command("chown", "-R", "postgres", dir).Run())
		argv = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=KILL"}, argv...)
	}
	log := filepath.Join(dir, "log")
	p, err := harness.StartProcess(dir, log, nil, argv...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Kill()) })
	require.True(t, harness.Eventually(patience, func() bool { return harness.Listening(port) || !p.Running() }))
	text, _ := os.ReadFile(log)
	require.True(t, p.Running(), "%s", text)
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", postgres.User, postgres.Password, port, database)
}

// Behind a proxy that gives each transaction another session, locks exclude
// nobody: it is found out and refused by name.
func TestTransactionPoolingIsRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"transaction", "statement"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			n := on(t, proxy(t, mode, newDatabase(t, shared, "")))
			require.NoError(t, n.Start())
			require.NoError(t, n.Process().WaitExit(patience), "%s", n.Log())
			require.Equal(t, 1, n.Process().ExitCode(), "%s", n.Log())
			require.Contains(t, n.Log(), "pooler")
			require.Contains(t, n.Log(), "session mode")
			require.False(t, n.Serving())
		})
	}
}

func TestSessionPoolingWorks(t *testing.T) {
	t.Parallel()
	url := proxy(t, "session", newDatabase(t, shared, ""))
	a, b := newPair(t, url)
	put(t, a.URL(), "Q", "one", "two")
	require.NoError(t, a.Kill())
	require.NoError(t, b.WaitServing(patience))
	require.Equal(t, []string{"one", "two"}, take(t, b.URL(), "Q", 2))
}

// TestStoreNeedsSessions: the store is refused too where its lock goes past the
// proxy, or needs no session.
func TestStoreNeedsSessions(t *testing.T) {
	t.Parallel()
	database := newDatabase(t, shared, "")
	through := proxy(t, "transaction", database)
	for _, j := range []harness.JDBC{
		{URL: through, Attributes: map[string]string{"lockDataSource": shared.URL(database)}},
		{URL: through, Locker: leaseLocker},
	} {
		n := newNode(t, harness.Options{JDBC: &j})
		require.NoError(t, n.Start())
		require.NoError(t, n.Process().WaitExit(patience), "%s", n.Log())
		require.Contains(t, n.Log(), "pool in session mode")
		require.False(t, n.Serving())
	}
}
