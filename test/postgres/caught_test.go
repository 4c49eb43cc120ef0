//go:build postgres

package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
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

// A database that answers before its log is on disk loses what was confirmed
// when it crashes. Nobody can do anything about that but say so at the start.
func TestDatabaseThatDoesNotSync(t *testing.T) {
	t.Parallel()
	x := row{on: func(x *trial) {
		x.server = newServer(x.T, postgres.Options{Settings: map[string]string{"synchronous_commit": "off", "wal_writer_delay": "10s"}})
	}}.begin(t)
	x.work.Tolerate()
	require.NoError(t, x.a.WaitLog(patience, "synchronous_commit"))
	x.work.StopConsumers()
	x.work.GoesOn(50)
	require.NoError(t, x.server.Kill())
	require.NoError(t, x.server.Start())
	x.work.GoesOn(10)
	x.work.StopProducers()
	x.work.Drain(harness.Failover(x.a, x.b))
	require.Contains(t, promises(x.history.Verify(time.Second)), "P2")
}
