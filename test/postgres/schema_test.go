//go:build postgres

package postgres

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/test/harness"
)

// TestSchemaForRoleWithoutDDL: what `conclave schema` prints, run by an owner,
// is all that a broker needs whose role may make nothing.
func TestSchemaForRoleWithoutDDL(t *testing.T) {
	t.Parallel()
	database := newDatabase(t, shared, "")
	require.NoError(t, shared.Exec(database, "CREATE ROLE plain LOGIN PASSWORD 'plain'", "CREATE SCHEMA mq", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
	node := newNode(t, harness.Options{Name: "a", JDBC: &harness.JDBC{
		URL: shared.URLAs("plain", "plain", database), TablePrefix: "mq.B_", Attributes: map[string]string{"createTablesOnStartup": "false"},
	}})
	require.Error(t, node.StartServing(patience), "there are no tables")
	sql, err := exec.CommandContext(t.Context(), lab.Binary, "schema", "--tablePrefix", "mq.B_", "--grant", "plain").Output()
	require.NoError(t, err)
	for range 2 { // it changes nothing that is there
		require.NoError(t, shared.Exec(database, string(sql)))
	}
	require.NoError(t, node.StartServing(patience))
	fillBulk(t, node.URL())
	count, err := shared.Query(database, "SELECT count(*) FROM mq.b_activemq_msgs")
	require.NoError(t, err)
	require.Equal(t, "20000", strings.TrimSpace(count))
	conn, err := client.Dial(t.Context(), node.URL(), client.Options{})
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	read, err := node.Command(t.Context(), "schema", "--grant", "plain")
	require.NoError(t, err)
	require.Equal(t, string(sql), read, "the names are those of the configuration")
}
