//go:build postgres

package postgres

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServer(t *testing.T) {
	s, err := New(Options{Settings: map[string]string{"synchronous_standby_names": "*"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Start())
	require.NoError(t, s.Exec("", "SET synchronous_commit = local", "CREATE TABLE t(id int)", "INSERT INTO t VALUES (1)"))

	standby, err := s.Standby("second", nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Close()) })
	require.NoError(t, standby.Start())
	require.NoError(t, s.Exec("", "INSERT INTO t VALUES (2)"), "waits for the standby")
	state, err := s.Query("", "SELECT application_name, sync_state FROM pg_stat_replication")
	require.NoError(t, err)
	require.Equal(t, "second|sync", state)

	require.NoError(t, s.Kill())
	require.NoError(t, s.Start())
	for _, mode := range []Mode{Fast, Immediate} {
		require.NoError(t, s.Stop(mode))
		require.False(t, s.Running())
		require.NoError(t, s.Start(), fmt.Sprint("after ", mode))
	}
	require.NoError(t, s.Kill())
	require.NoError(t, standby.Promote())
	require.NoError(t, standby.Exec("", "SET synchronous_commit = local", "INSERT INTO t VALUES (3)"))
	rows, err := standby.Query("", "SELECT count(*), max(id) FROM t")
	require.NoError(t, err)
	require.Equal(t, "3|3", rows)
}
