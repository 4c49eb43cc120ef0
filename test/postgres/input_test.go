//go:build postgres

package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// on configures a node on a database.
func on(t *testing.T, url string) *harness.Broker {
	t.Helper()
	return newNode(t, harness.Options{JDBC: &harness.JDBC{URL: url}})
}

// execute runs statements as the superuser.
func execute(t *testing.T, s *postgres.Server, database string, statements ...string) {
	t.Helper()
	require.NoError(t, s.Exec(database, statements...))
}

// What cannot work whatever happens ends the start with a line that says what
// is wrong, and never with the password.
func TestStartIsRefused(t *testing.T) {
	t.Parallel()
	made := func(t *testing.T) string { // a database with a broker's tables
		database := newDatabase(t, shared, "")
		n := on(t, shared.URL(database))
		require.NoError(t, n.StartServing(patience))
		put(t, n.URL(), "Q", "kept")
		require.NoError(t, n.Stop(patience))
		return database
	}
	for _, row := range []struct {
		name string
		url  func(t *testing.T) string
		code int
		says []string
	}{
		{"no URL", func(*testing.T) string { return "" }, 2, []string{"dataSource"}},
		{"not a URL of PostgreSQL's", func(*testing.T) string { return "jdbc:mysql://localhost/activemq" }, 2, []string{"dataSource"}},
		{"URL that cannot be parsed", func(*testing.T) string { return "postgres://user:" + postgres.Password + "@localhost:none/db" }, 2, []string{"dataSource"}},
		{"wrong password", func(t *testing.T) string {
			return shared.URLAs(postgres.User, postgres.Password[:5], newDatabase(t, shared, ""))
		}, 1, []string{"password authentication failed"}},
		{"no such database", func(*testing.T) string { return shared.URL("absent") }, 1, []string{`database "absent" does not exist`}},
		{"no such role", func(t *testing.T) string { return shared.URLAs("nobody-there", "x", newDatabase(t, shared, "")) }, 1,
			[]string{"nobody-there"}},
		{"a role that may not make tables", func(t *testing.T) string {
			execute(t, shared, "", "CREATE ROLE guest LOGIN PASSWORD '"+postgres.Password+"'")
			return shared.URLAs("guest", postgres.Password, newDatabase(t, shared, ""))
		}, 1, []string{"permission denied", "conclave schema"}},
		{"a role that may only read", func(t *testing.T) string {
			database := made(t)
			execute(t, shared, database, "CREATE ROLE reader LOGIN PASSWORD '"+postgres.Password+"'", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
			return shared.URLAs("reader", postgres.Password, database)
		}, 1, []string{"permission denied"}},
		{"a schema of a later version", func(t *testing.T) string {
			database := made(t)
			execute(t, shared, database, "UPDATE conclave_state SET version = 99")
			return shared.URL(database)
		}, 1, []string{"version"}},
		{"a table of another shape", func(t *testing.T) string {
			database := made(t)
			execute(t, shared, database, "ALTER TABLE activemq_msgs RENAME COLUMN msgid_seq TO sequence")
			return shared.URL(database)
		}, 1, []string{"msgid_seq"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			n := on(t, row.url(t))
			require.NoError(t, n.Start())
			require.NoError(t, n.Process().WaitExit(patience), "%s", n.Log())
			require.Equal(t, row.code, n.Process().ExitCode(), "%s", n.Log())
			for _, words := range row.says {
				require.Contains(t, n.Log(), words)
			}
			require.NotContains(t, n.Log(), "goroutine ")
			require.Equal(t, 1, n.Count("conclave: "), "it is said once:\n%s", n.Log())
		})
	}
}

// A server that is not there yet is waited for.
func TestStartWaitsForTheServer(t *testing.T) {
	t.Parallel()
	server := newServer(t, postgres.Options{})
	database := newDatabase(t, server, "")
	require.NoError(t, server.Stop(postgres.Fast))
	n := on(t, server.URL(database))
	require.NoError(t, n.Start())
	require.NoError(t, n.WaitLog(patience, "connection refused"))
	require.NoError(t, server.Start())
	require.NoError(t, n.WaitServing(patience))
	put(t, n.URL(), "Q", "one")
	require.Equal(t, []string{"one"}, take(t, n.URL(), "Q", 1))
}

// A role without DDL rights serves once somebody else has made the tables.
func TestRoleWithoutDDL(t *testing.T) {
	t.Parallel()
	database := newDatabase(t, shared, "")
	n := on(t, shared.URL(database))
	sql, err := n.Command(t.Context(), "schema")
	require.NoError(t, err, "%s", sql)
	execute(t, shared, database, sql, "CREATE ROLE worker LOGIN PASSWORD '"+postgres.Password+"'",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO worker",
		"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO worker")
	a, b := newPair(t, shared.URLAs("worker", postgres.Password, database))
	put(t, a.URL(), "Q", "one")
	require.NoError(t, a.Kill())
	require.NoError(t, b.WaitServing(patience))
	require.Equal(t, []string{"one"}, take(t, b.URL(), "Q", 1))
}

// Rights that are taken away while it serves stop it from confirming; the
// store does not get out of step with what clients were told.
func TestRightsTakenAway(t *testing.T) {
	t.Parallel()
	database := newDatabase(t, shared, "")
	n := on(t, shared.URL(database))
	require.NoError(t, n.StartServing(patience))
	require.NoError(t, n.Stop(patience))
	execute(t, shared, database, "CREATE ROLE writer LOGIN PASSWORD '"+postgres.Password+"'",
		"GRANT ALL ON ALL TABLES IN SCHEMA public TO writer")
	n = on(t, shared.URLAs("writer", postgres.Password, database))
	require.NoError(t, n.StartServing(patience))
	put(t, n.URL(), "Q", "one")
	execute(t, shared, database, "REVOKE INSERT ON activemq_msgs FROM writer")
	answer := make(chan error, 1)
	go func() { answer <- try(t, harness.Failover(n), "Q", "two") }()
	require.NoError(t, n.WaitLog(patience, "permission denied"))
	execute(t, shared, database, "GRANT INSERT ON activemq_msgs TO writer")
	if err := <-answer; err == nil {
		require.Equal(t, []string{"one", "two"}, take(t, harness.Failover(n), "Q", 2))
	} else {
		require.Equal(t, []string{"one"}, take(t, harness.Failover(n), "Q", 1))
	}
	none(t, harness.Failover(n), "Q")
}

// A row that cannot be decoded is set aside and reported; the rest is served.
func TestRowsThatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	database := newDatabase(t, shared, "")
	n := on(t, shared.URL(database))
	require.NoError(t, n.StartServing(patience))
	var bodies []string
	for i := range 10 {
		bodies = append(bodies, fmt.Sprint("message ", i))
	}
	put(t, n.URL(), "Q", bodies...)
	require.NoError(t, n.Stop(patience))
	execute(t, shared, database,
		`UPDATE activemq_msgs SET msg = '\xdeadbeef' WHERE id = (SELECT min(id) FROM activemq_msgs)`,
		`UPDATE activemq_msgs SET msg = substr(msg, 1, 40) WHERE id = (SELECT min(id) + 4 FROM activemq_msgs)`,
		`UPDATE activemq_msgs SET msg = '' WHERE id = (SELECT max(id) FROM activemq_msgs)`,
		`INSERT INTO activemq_msgs (id, container, msg, priority) SELECT max(id) + 1, 'queue://Q', NULL, 0 FROM activemq_msgs`)
	broken, err := shared.Query(database, "SELECT string_agg(id::text, ' ') FROM activemq_msgs WHERE msg IS NULL OR length(msg) < 41")
	require.NoError(t, err)
	require.NoError(t, n.StartServing(patience))
	require.Equal(t, append(append([]string{}, bodies[1:4]...), bodies[5:9]...), take(t, n.URL(), "Q", 7))
	none(t, n.URL(), "Q")
	for id := range strings.FieldsSeq(broken) {
		require.NoError(t, n.WaitFor(patience, "line about row "+id, func() bool {
			for line := range strings.Lines(n.Log()) {
				if strings.Contains(line, "row "+id+":") && (strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR")) {
					return true
				}
			}
			return false
		}))
	}
	put(t, n.URL(), "Q", "later")
	require.Equal(t, []string{"later"}, take(t, n.URL(), "Q", 1))
	require.NoError(t, n.Stop(patience))
	require.NoError(t, n.StartServing(patience), "with what is left of them")
	put(t, n.URL(), "Q", "last")
	require.Equal(t, []string{"last"}, take(t, n.URL(), "Q", 1))
}

// A message that the server itself cannot read, because a part of it is gone from
// where it keeps large values, is reported; the rest of its queue is served.
func TestRowsThatTheServerCannotRead(t *testing.T) {
	t.Parallel()
	database := newDatabase(t, shared, "")
	n := on(t, shared.URL(database))
	require.NoError(t, n.StartServing(patience))
	execute(t, shared, database, "ALTER TABLE activemq_msgs ALTER COLUMN msg SET STORAGE EXTERNAL", "CREATE EXTENSION pg_surgery")
	var bodies []string
	for i := range 10 {
		bodies = append(bodies, fmt.Sprint(i, strings.Repeat("x", 5000)))
	}
	put(t, n.URL(), "Q", bodies...)
	require.NoError(t, n.Stop(patience))
	parts, err := shared.Query(database, "SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'activemq_msgs'::regclass")
	require.NoError(t, err)
	var kill []string
	for _, which := range []int{2, 3, 9} { // the values are there in the order in which they came
		part, err := shared.Query(database, fmt.Sprintf("SELECT min(ctid) FROM %s GROUP BY chunk_id ORDER BY chunk_id LIMIT 1 OFFSET %d", parts, which))
		require.NoError(t, err)
		kill = append(kill, fmt.Sprintf("SELECT heap_force_kill('%s'::regclass, ARRAY['%s']::tid[])", parts, part))
	}
	execute(t, shared, database, kill...)
	require.NoError(t, n.StartServing(patience))
	require.Equal(t, slices.Concat(bodies[:2], bodies[4:9]), take(t, n.URL(), "Q", 7))
	none(t, n.URL(), "Q")
	require.Equal(t, 3, n.Count("stored message cannot be read back"), n.Log())
	put(t, n.URL(), "Q", "later")
	require.Equal(t, []string{"later"}, take(t, n.URL(), "Q", 1))
}

// A message above the connector's limit is refused, one of many megabytes below
// it comes back whole, over a failover too.
func TestLargeMessages(t *testing.T) {
	t.Parallel()
	url := shared.URL(newDatabase(t, shared, ""))
	a := newNode(t, harness.Options{Name: "a", JDBC: &harness.JDBC{URL: url}, URIOptions: "wireFormat.maxFrameSize=30000000"})
	b := newNode(t, harness.Options{Name: "b", JDBC: &harness.JDBC{URL: url}})
	require.NoError(t, a.StartServing(patience))
	require.NoError(t, b.Start())
	require.NoError(t, b.WaitSlave(patience))
	large := strings.Repeat("0123456789", 2_000_000)
	put(t, a.URL(), "Q", large, "after")
	require.Error(t, try(t, a.URL(), "Q", strings.Repeat(large, 2)))
	require.NoError(t, a.Kill())
	require.NoError(t, b.WaitServing(patience))
	got := take(t, b.URL(), "Q", 2)
	require.True(t, got[0] == large, "it came back as another")
	require.Equal(t, "after", got[1])
}

// Databases in other encodings: names go in and come out as they were, or are
// refused; what is a message's body is bytes and does not matter.
func TestEncodings(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ how, queue string }{
		{"ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0", "Größe €"},
		{"ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", "Größe"},
	} {
		t.Run(row.how, func(t *testing.T) {
			t.Parallel()
			url := shared.URL(newDatabase(t, shared, row.how))
			a, b := newPair(t, url)
			put(t, a.URL(), row.queue, "Größe in €", "nul \x00 too")
			require.NoError(t, a.Kill())
			require.NoError(t, b.WaitServing(patience))
			require.Equal(t, []string{"Größe in €", "nul \x00 too"}, take(t, b.URL(), row.queue, 2))
		})
	}
	t.Run("a name that the database cannot hold", func(t *testing.T) {
		t.Parallel()
		n := on(t, shared.URL(newDatabase(t, shared, "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")))
		require.NoError(t, n.StartServing(patience))
		err := try(t, n.URL(), "€", "refused")
		require.Error(t, err)
		t.Log(err)
		put(t, n.URL(), "Q", "one")
		require.Equal(t, []string{"one"}, take(t, n.URL(), "Q", 1))
	})
	t.Run("a name with a zero byte", func(t *testing.T) {
		t.Parallel()
		n := on(t, shared.URL(newDatabase(t, shared, "")))
		require.NoError(t, n.StartServing(patience))
		require.Error(t, try(t, n.URL(), "a\x00b", "refused"))
		put(t, n.URL(), "Q", "one")
		require.Equal(t, []string{"one"}, take(t, n.URL(), "Q", 1))
	})
	t.Run("a name of 300 letters", func(t *testing.T) {
		t.Parallel()
		n := on(t, shared.URL(newDatabase(t, shared, "")))
		require.NoError(t, n.StartServing(patience))
		require.Error(t, try(t, n.URL(), strings.Repeat("n", 300), "refused"))
		put(t, n.URL(), "Q", "one")
		require.Equal(t, []string{"one"}, take(t, n.URL(), "Q", 1))
	})
}

// Brokers with tables of different prefixes share a database and nothing else.
func TestTwoPrefixesInOneDatabase(t *testing.T) {
	t.Parallel()
	url := shared.URL(newDatabase(t, shared, ""))
	node := func(name, prefix string) *harness.Broker {
		return newNode(t, harness.Options{Name: name, JDBC: &harness.JDBC{URL: url, TablePrefix: prefix}})
	}
	plain, other, slave := node("a", ""), node("b", "OTHER_"), node("c", "OTHER_")
	require.NoError(t, plain.StartServing(patience))
	require.NoError(t, other.StartServing(patience))
	require.NoError(t, slave.Start())
	require.NoError(t, slave.WaitSlave(patience))
	put(t, plain.URL(), "Q", "of the one")
	put(t, other.URL(), "Q", "of the other")
	require.NoError(t, other.Kill())
	require.NoError(t, slave.WaitServing(patience))
	require.True(t, plain.Serving())
	require.Equal(t, []string{"of the one"}, take(t, plain.URL(), "Q", 1))
	require.Equal(t, []string{"of the other"}, take(t, slave.URL(), "Q", 1))
	none(t, plain.URL(), "Q")
	none(t, slave.URL(), "Q")
}

// With failIfLocked whoever comes second does not wait: it says who has the lock
// and ends.
func TestFailIfLocked(t *testing.T) {
	t.Parallel()
	url := shared.URL(newDatabase(t, shared, ""))
	a := newNode(t, harness.Options{Name: "a", JDBC: &harness.JDBC{URL: url}})
	require.NoError(t, a.StartServing(patience))
	b := newNode(t, harness.Options{Name: "b", Broker: fmt.Sprintf(
		"persistenceAdapter: {jdbcPersistenceAdapter: {dataSource: %q, locker: {database-locker: {failIfLocked: true}}}}", url)})
	require.NoError(t, b.Start())
	require.NoError(t, b.Process().WaitExit(patience))
	require.Equal(t, 6, b.Process().ExitCode(), "%s", b.Log())
	require.Contains(t, b.Log(), "is held by broker a")
	require.True(t, a.Serving())
}

// What a user asks for says nothing secret either.
func TestCommandsKeepThePassword(t *testing.T) {
	t.Parallel()
	url := shared.URL(newDatabase(t, shared, ""))
	a, b := newPair(t, url)
	for _, n := range []*harness.Broker{a, b} {
		for _, words := range [][]string{{"status"}, {"status", "--json"}, {"check-config"}} {
			ctx := within(t, time.Minute)
			out, _ := n.Command(ctx, words...) // status has exit codes of its own
			require.NotContains(t, out, postgres.Password, "%v", words)
			require.NotEmpty(t, out)
		}
	}
	entries, err := shared.Query("", "SELECT string_agg(application_name || query, ' ') FROM pg_stat_activity")
	require.NoError(t, err)
	require.NotContains(t, entries, postgres.Password)
}
