//go:build postgres

package pglock

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/lock"
)

// activeMQ waits for the row as its database-locker does, until the test lets
// it go.
func activeMQ(t *testing.T, url string) (master <-chan struct{}, stop func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	got := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
			return
		}
		if _, err := conn.Exec(t.Context(), "SELECT * FROM ACTIVEMQ_LOCK FOR UPDATE"); err == nil {
			close(got)
		}
	}()
	stop = func() {
		_ = conn.PgConn().Conn().Close()
		<-over
	}
	t.Cleanup(stop)
	return got, stop
}

// TestActiveMQsRow: neither is master while the other is, though the
// transaction that holds the row is replaced again and again.
func TestActiveMQsRow(t *testing.T) {
	db := database(t, server)
	require.NoError(t, server.Exec(db, Tables{}.Schema()[:2]...))
	java, stop := activeMQ(t, server.URL(db))
	<-java
	o, logA := options(t, server.URL(db), "a")
	o.rowTime = time.Second
	a, err := NewAdvisory(o)
	require.NoError(t, err)
	first := queue(t, a)
	logA.await(t, slaveMode)
	require.Contains(t, logA.String(), "ActiveMQ (its row in ACTIVEMQ_LOCK is locked)")
	status, err := ReadHolder(t.Context(), a.o.Source, a.o.Tables)
	require.NoError(t, err)
	require.True(t, status.Held)
	spoke := heard(t, db, "conclave lock a")
	require.Eventually(t, func() bool { return heard(t, db, "conclave lock a") != spoke }, 3*time.Second, 10*time.Millisecond,
		"the session that waits shows that it lives")
	require.Empty(t, first)
	stop()
	lease := receive(t, first).lease

	java, stop = activeMQ(t, server.URL(db))
	before := horizon(t, db)
	require.Eventually(t, func() bool { return horizon(t, db) != before }, 5*time.Second, 100*time.Millisecond,
		"VACUUM is not held back for longer")
	select {
	case <-java:
		require.Fail(t, "ActiveMQ is master as well")
	default:
	}
	require.NoError(t, lease.Release())
	<-java
	stop()
}

// heard is when a session said something last.
func heard(t *testing.T, db, name string) string {
	t.Helper()
	at, err := server.Query(db, "SELECT max(state_change) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '"+name+"'")
	require.NoError(t, err)
	return at
}

// horizon is the oldest transaction that may still run.
func horizon(t *testing.T, db string) string {
	t.Helper()
	xid, err := server.Query(db, "SELECT min(backend_xid::text::bigint) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND datname = current_database()")
	require.NoError(t, err)
	return xid
}

// TestActiveMQTakesOver: when the row's session ends and an ActiveMQ waits, it
// is the next master.
func TestActiveMQTakesOver(t *testing.T) {
	db := database(t, server)
	a, _ := advisory(t, server.URL(db), "a")
	lease := win(t, a)
	java, stop := activeMQ(t, server.URL(db))
	require.Eventually(t, func() bool {
		n, err := server.Query(db, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
		return err == nil && n == "1"
	}, 5*time.Second, time.Millisecond)
	terminate(t, db, "%lock a row")
	<-java
	<-lease.Lost()
	require.ErrorIs(t, lease.Cause(), lock.ErrLost)
	require.NoError(t, lease.Release())
	stop()
	require.EqualValues(t, 2, win(t, a).Epoch())
}

// TestMarkOfActiveMQ: one that was master in between, and is not any more, has
// left the number of its transaction.
func TestMarkOfActiveMQ(t *testing.T) {
	db := database(t, server)
	a, _ := advisory(t, server.URL(db), "a")
	require.NoError(t, win(t, a).Release())
	r := &row{table: "ACTIVEMQ_LOCK"}
	var err error
	r.s, err = open(t.Context(), a.o.Source, "row")
	require.NoError(t, err)
	defer r.end()
	holder, err := r.attempt(t.Context(), r.table)
	require.NoError(t, err)
	require.Empty(t, holder)
	r.end()
	require.NoError(t, r.regain(t.Context(), &a.o), "nobody has had it")
	r.end()
	java, stop := activeMQ(t, server.URL(db))
	<-java
	require.ErrorIs(t, r.regain(t.Context(), &a.o), lock.ErrLost, "it has it")
	stop()
	require.ErrorIs(t, r.regain(t.Context(), &a.o), lock.ErrLost, "it had it")
}

// TestWish: a slave that was not named gives way to the one that was.
func TestWish(t *testing.T) {
	url := server.URL(database(t, server))
	a, _ := advisory(t, url, "a")
	first := win(t, a)
	b, logB := advisory(t, url, "b")
	second := queue(t, b)
	logB.await(t, slaveMode) // mostly it is the first in the queue, and has to give way
	c, logC := advisory(t, url, "c")
	third := queue(t, c)
	logC.await(t, slaveMode)
	_, err := a.Designate(first.Epoch()+1, "c")
	require.Error(t, err)
	wait, err := a.Designate(first.Epoch(), "c")
	require.NoError(t, err)
	require.Positive(t, wait)
	require.NoError(t, first.Release())
	r := receive(t, third)
	require.EqualValues(t, 2, r.lease.Epoch())
	_, err = c.Designate(2, "nobody")
	require.NoError(t, err)
	require.NoError(t, r.lease.Release())
	require.EqualValues(t, 3, receive(t, second).lease.Epoch(), "one that does not come is not waited for for ever")
}
