//go:build postgres

package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

func promises(wrong []harness.Violation) (names []string) {
	for _, v := range wrong {
		names = append(names, v.Promise)
	}
	return names
}

// The table must be able to fail: two masters, each with a database of its
// own, are found out.
func TestTwoMastersAreCaught(t *testing.T) {
	t.Parallel()
	x := row{}.begin(t)
	x.work.Tolerate()
	alone := newNode(t, harness.Options{Name: "c", JDBC: &harness.JDBC{URL: shared.URL(newDatabase(t, shared, ""))}})
	require.NoError(t, alone.StartServing(patience))
	x.work.AddProducer(alone.URL(), "second")
	require.True(t, harness.Eventually(patience, func() bool {
		for _, promise := range promises(x.history.Verify(0)) {
			if promise == "P1" {
				return true
			}
		}
		return false
	}), "nobody finds out")
	x.work.Abandon()
}

// A database that is slow to answer is no empty queue: the load asks until the
// broker has looked. What a broker has lost sight of, the tables show.
func TestSlowDatabaseIsNotTakenForAnEmptyQueue(t *testing.T) {
	t.Parallel()
	x := row{}.begin(t)
	x.work.StopConsumers() // let it pile up
	x.work.GoesOn(50)
	x.work.StopProducers()
	// The next master has nothing in memory.
	require.NoError(t, x.a.Kill())
	require.NoError(t, x.b.WaitServing(patience))
	held := make(chan error, 1)
	go func() {
		held <- x.server.Exec(x.database, "BEGIN", "LOCK TABLE activemq_msgs IN ACCESS EXCLUSIVE MODE", "SELECT pg_sleep(1)", "COMMIT")
	}()
	require.True(t, harness.Eventually(patience, func() bool {
		locked, err := x.server.Query(x.database, "SELECT count(*) FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock' AND relation = 'activemq_msgs'::regclass")
		return err == nil && locked == "1"
	}), "nobody locks the table")
	x.work.Drain(x.clients)
	require.NoError(t, <-held)
	x.tablesAreEmpty()
	require.Empty(t, x.history.Verify(time.Second))
}
