//go:build postgres

package pglock

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

func TestPoolerIsRefused(t *testing.T) {
	db := database(t, server)
	a, _ := advisory(t, pool(t, server.URL(db), db, 3), "a")
	_, err := a.Acquire(t.Context())
	require.ErrorIs(t, err, ErrNoExclusion)
	require.ErrorContains(t, err, "pool in session mode")
}

func TestLeaseWorksThroughAPooler(t *testing.T) {
	db := database(t, server)
	url := pool(t, server.URL(db), db, 3)
	a, _ := leaseRow(t, url, "a")
	b, logB := leaseRow(t, url, "b")
	first := win(t, a)
	second := queue(t, b)
	logB.await(t, slaveMode)
	require.NoError(t, first.Check(t.Context()))
	require.NoError(t, first.Release())
	require.EqualValues(t, 2, receive(t, second).lease.Epoch())
}

// TestLocksThatDoNothing: as in CockroachDB, whose functions of these names
// return true and do nothing.
func TestLocksThatDoNothing(t *testing.T) {
	db := database(t, server)
	require.NoError(t, server.Exec(db, "CREATE SCHEMA fake",
		"CREATE FUNCTION fake.pg_try_advisory_lock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
		"CREATE FUNCTION fake.pg_try_advisory_xact_lock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'"))
	url := server.URL(db) + "&search_path=fake,pg_catalog,public"
	a, _ := advisory(t, url, "a")
	_, err := a.Acquire(t.Context())
	require.ErrorIs(t, err, ErrNoExclusion)
	require.ErrorContains(t, err, "CockroachDB")
	l, _ := leaseRow(t, url, "l")
	_, err = l.Acquire(t.Context())
	require.ErrorIs(t, err, ErrNoExclusion)
}

// TestPrefixesAreApart: what has another prefix or schema is another store.
func TestPrefixesAreApart(t *testing.T) {
	db := database(t, server)
	require.NoError(t, server.Exec(db, "CREATE SCHEMA two"))
	seen := map[Keys]bool{}
	for _, prefix := range []string{"", "A_", "two.", "two.A_"} {
		o, _ := options(t, server.URL(db), "broker "+prefix)
		o.Tables.Prefix = prefix
		a, err := NewAdvisory(o)
		require.NoError(t, err)
		require.EqualValues(t, 1, win(t, a).Epoch(), prefix)
		seen[Keys{Fence: a.Fence().Key}] = true
	}
	require.Len(t, seen, 4)

	// The same tables by other names: another search path, another case.
	o, n := options(t, server.URL(db)+"&search_path=two,public", "again")
	o.Tables.Prefix = "a_"
	a, err := NewAdvisory(o)
	require.NoError(t, err)
	queue(t, a)
	n.await(t, slaveMode)
	require.Contains(t, n.String(), "broker two.A_ ")
}

func TestBadDatabases(t *testing.T) {
	db := database(t, server)
	require.NoError(t, server.Exec(db, "CREATE ROLE guest LOGIN PASSWORD 'guest-secret'"))
	guest := server.URLAs("guest", "guest-secret", db)
	for _, test := range []struct{ url, text string }{
		{server.URLAs(postgres.User, "wrong-secret", db), "password authentication failed"},
		{server.URL("nowhere"), `database "nowhere" does not exist`},
		{guest, "conclave schema"},
		{server.URL(db) + "&search_path=gone", "no schema"},
	} {
		for _, failing := range []bool{false, true} {
			o, n := options(t, test.url, "a")
			o.FailIfLocked = failing
			a, err := NewAdvisory(o)
			require.NoError(t, err)
			if !failing && strings.Contains(test.url, "gone") {
				continue // may come
			}
			_, err = a.Acquire(t.Context())
			require.ErrorContains(t, err, test.text)
			require.NotContains(t, err.Error()+n.String(), "secret")
		}
	}

	// With the tables made by their owner, and granted, the guest can serve.
	require.NoError(t, server.Exec(db, append(Tables{}.Schema(), "GRANT SELECT, INSERT, UPDATE ON CONCLAVE_EPOCH, ACTIVEMQ_LOCK TO guest")...))
	a, _ := advisory(t, guest, "a")
	require.NoError(t, win(t, a).Release())
	require.NoError(t, server.Exec(db, "REVOKE UPDATE ON ACTIVEMQ_LOCK FROM guest"))
	_, err := a.Acquire(t.Context())
	require.ErrorIs(t, err, ErrForeignRow)
	o, _ := options(t, server.URL(database(t, server)), "b")
	o.CreateTables = false
	b, err := NewAdvisory(o)
	require.NoError(t, err)
	_, err = b.Acquire(t.Context())
	require.ErrorIs(t, err, ErrNoTables)
	require.ErrorContains(t, err, "createTablesOnStartup")
}

// TestUnreachableDatabase: it is waited for, and the log says so once.
func TestUnreachableDatabase(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	url := "postgres://u:hidden-secret@" + l.Addr().String() + "/d"
	a, n := advisory(t, url, "a")
	done := queue(t, a)
	n.await(t, "Trying again until the database answers")
	<-time.After(300 * time.Millisecond) // for several attempts
	require.Empty(t, done)
	require.Equal(t, 1, strings.Count(n.String(), "Trying again"))
	require.NotContains(t, n.String(), "hidden-secret")
	o, _ := options(t, url, "b")
	o.FailIfLocked = true
	b, err := NewAdvisory(o)
	require.NoError(t, err)
	_, err = b.Acquire(t.Context())
	require.ErrorContains(t, err, "refused")
}

func TestFailIfLocked(t *testing.T) {
	url := server.URL(database(t, server))
	a, _ := advisory(t, url, "a")
	win(t, a)
	o, _ := options(t, url, "b")
	o.FailIfLocked = true
	b, err := NewAdvisory(o)
	require.NoError(t, err)
	_, err = b.Acquire(t.Context())
	require.ErrorIs(t, err, lock.ErrHeld)
	require.ErrorContains(t, err, "broker a (host ")
}

// TestStoreElsewhere: the store's way has to lead to the database of the lock.
func TestStoreElsewhere(t *testing.T) {
	url, elsewhere := server.URL(database(t, server)), server.URL(database(t, server))
	o, _ := options(t, url, "a")
	lockers := func() []lock.Locker {
		one, err := NewAdvisory(o)
		require.NoError(t, err)
		two, err := NewLeaseRow(LeaseOptions{Options: o, Duration: time.Second})
		require.NoError(t, err)
		return []lock.Locker{one, two}
	}
	var err error
	o.Store, err = ParseSource(elsewhere)
	require.NoError(t, err)
	for _, l := range lockers() {
		_, err := l.Acquire(t.Context())
		require.ErrorIs(t, err, ErrOtherDatabase)
	}
	o.Store = o.Source
	for _, l := range lockers() {
		require.NoError(t, win(t, l).Release())
	}
}
