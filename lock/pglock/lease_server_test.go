//go:build postgres

package pglock

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/lock"
)

func leaseRow(t *testing.T, url, name string) (*LeaseRow, *notes) {
	t.Helper()
	o, n := options(t, url, name)
	l, err := NewLeaseRow(LeaseOptions{Options: o, Duration: time.Second})
	require.NoError(t, err)
	return l, n
}

// TestLeaseElectsOne: two brokers of one name, which ActiveMQ lets both be master.
func TestLeaseElectsOne(t *testing.T) {
	db := database(t, server)
	url := server.URL(db)
	a, _ := leaseRow(t, url, "same")
	b, logB := leaseRow(t, url, "same")
	first := win(t, a)
	second := queue(t, b)
	logB.await(t, slaveMode)
	require.Contains(t, logB.String(), "broker same (host ")
	for range 20 { // two leases long
		require.True(t, first.Valid())
		require.NoError(t, first.Check(t.Context()))
		require.Empty(t, second)
		<-time.After(100 * time.Millisecond)
	}
	status, err := ReadHolder(t.Context(), b.o.Source, b.o.Tables)
	require.NoError(t, err)
	require.True(t, status.Held)
	require.False(t, status.IsForeign(), status.Foreign)
	began := time.Now()
	require.NoError(t, first.Release())
	r := receive(t, second)
	require.Less(t, r.at.Sub(began), 2*time.Second)
	require.EqualValues(t, 2, r.lease.Epoch())

	// Its sessions may end: the row does not go with them.
	require.NoError(t, server.Exec("", fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'", db)))
	require.Eventually(t, func() bool { return r.lease.Check(t.Context()) == nil }, 5*time.Second, time.Millisecond)
	require.True(t, r.lease.Valid())
}

// TestLeaseOfAFrozenMaster: a lease that is not renewed ends by itself, on both
// sides, and its holder is deposed when it wakes.
func TestLeaseOfAFrozenMaster(t *testing.T) {
	db := database(t, server)
	a, _ := leaseRow(t, server.URL(db), "a")
	b, logB := leaseRow(t, server.URL(db), "b")
	first := win(t, a)
	second := queue(t, b)
	logB.await(t, slaveMode)
	require.NoError(t, server.Exec(db, "BEGIN", "SELECT 1 FROM CONCLAVE_EPOCH", "UPDATE ACTIVEMQ_LOCK SET BROKER_NAME = 'frozen'", "COMMIT"))
	<-first.Lost()
	require.False(t, first.Valid())
	r := receive(t, second)
	require.EqualValues(t, 2, r.lease.Epoch())
	require.ErrorIs(t, first.Cause(), lock.ErrLost)
}

// TestLockersExcludeEachOther: one broker with each of the two lockers.
func TestLockersExcludeEachOther(t *testing.T) {
	url := server.URL(database(t, server))
	session, logSession := advisory(t, url, "session")
	row, logRow := leaseRow(t, url, "row")
	first := win(t, row)
	second := queue(t, session)
	logSession.await(t, slaveMode)
	require.NoError(t, first.Release())
	held := receive(t, second).lease
	third := queue(t, row)
	logRow.await(t, slaveMode)
	require.Empty(t, third)
	require.NoError(t, held.Release())
	require.EqualValues(t, 3, receive(t, third).lease.Epoch())
}

// TestLeaseBesideARowLock: an ActiveMQ with the other locker does not look at
// the lease, but is kept from the row while it is renewed. If it gets the row
// nevertheless, it is given way to, long before the lease would have ended.
func TestLeaseBesideARowLock(t *testing.T) {
	db := database(t, server)
	l, _ := leaseRow(t, server.URL(db), "a")
	l.o.rowTime = 50 * time.Millisecond
	lease := win(t, l)
	java, stop := activeMQ(t, server.URL(db))
	before := renewed(t, db)
	require.Eventually(t, func() bool { return renewed(t, db) > before+2000 }, 10*time.Second, 50*time.Millisecond)
	select {
	case <-java:
		require.Fail(t, "ActiveMQ is master as well")
	default:
	}
	require.True(t, lease.Valid())
	require.NoError(t, server.Exec("", fmt.Sprintf("SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE a.datname = '%s' AND a.state = 'idle in transaction'", db)))
	<-java
	<-lease.Lost()
	require.ErrorIs(t, lease.Cause(), lock.ErrLost)
	require.NoError(t, lease.Release())
	stop()

	lease = win(t, l)
	java, stop = activeMQ(t, server.URL(db))
	require.NoError(t, lease.Release())
	<-java
	stop()
}

// renewed is until when the lease is held, in milliseconds.
func renewed(t *testing.T, db string) int {
	t.Helper()
	text, err := server.Query(db, "SELECT time FROM activemq_lock")
	require.NoError(t, err)
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
