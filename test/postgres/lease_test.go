//go:build postgres

package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// leaseTime is how long a lease lasts here.
const leaseTime = 2 * time.Second

// leaseNode configures an owner of a schema that has a lease on it; locker may
// be another, "" the default.
func leaseNode(t *testing.T, kind harness.Kind, name, url, locker string) *harness.Broker {
	t.Helper()
	return newNode(t, harness.Options{Kind: kind, Name: name, JVM: jvm, LockAcquireSleepInterval: leaseTime,
		JDBC: &harness.JDBC{URL: url, Locker: locker, Attributes: map[string]string{"lockKeepAlivePeriod": "500"}}})
}

const leaseLocker = "lease-database-locker"

// TestLease: a pair without sessions to lose. When the master dies its lease
// has to end; when it stops the slave does not wait for that.
func TestLease(t *testing.T) {
	t.Parallel()
	url := shared.URL(newDatabase(t, shared, ""))
	a, b := leaseNode(t, harness.Conclave, "same", url, leaseLocker), leaseNode(t, harness.Conclave, "same", url, leaseLocker)
	require.NoError(t, a.StartServing(patience))
	require.NoError(t, b.Start())
	require.NoError(t, b.WaitSlave(patience))
	began := time.Now()
	require.NoError(t, a.Kill())
	require.NoError(t, b.WaitServing(patience))
	t.Logf("served again %v after a kill, with leases of %v", time.Since(began), leaseTime)
	require.Less(t, time.Since(began), 2*leaseTime+time.Second)
	require.NoError(t, a.Start())
	require.NoError(t, a.WaitSlave(patience))
	require.NoError(t, b.Freeze(patience))
	require.NoError(t, a.WaitServing(patience))
	require.NoError(t, b.Thaw())
	require.NoError(t, b.WaitLog(patience, "starting again as a slave"))
	began = time.Now()
	require.NoError(t, a.Stop(patience))
	require.NoError(t, b.WaitServing(patience))
	require.Less(t, time.Since(began), leaseTime)
}

// TestLeaseOfActiveMQ: an ActiveMQ with the lease, and Conclave with either
// locker, are never master together.
func TestLeaseOfActiveMQ(t *testing.T) {
	t.Parallel()
	for _, locker := range []string{leaseLocker, "database-locker"} {
		t.Run(locker, func(t *testing.T) {
			t.Parallel()
			url := shared.URL(newDatabase(t, shared, ""))
			java, ours := leaseNode(t, harness.ActiveMQ, "j", url, leaseLocker), leaseNode(t, harness.Conclave, "c", url, locker)
			require.NoError(t, java.StartServing(patience))
			require.NoError(t, ours.Start())
			require.NoError(t, ours.WaitSlave(patience))
			require.NoError(t, ours.WaitLog(patience, "by a lease in ACTIVEMQ_LOCK"))
			require.NoError(t, java.Kill())
			require.NoError(t, ours.WaitServing(patience))
			require.NoError(t, java.Start())
			require.NoError(t, java.WaitLog(patience, "attempting to acquire exclusive lease"))
			for range 2 { // leases long
				require.False(t, java.Serving())
				<-time.After(leaseTime)
			}
			require.False(t, java.Serving())
			require.True(t, ours.Serving())
			require.NoError(t, ours.Stop(patience))
			require.NoError(t, java.WaitServing(patience))
			require.NoError(t, java.Kill())
		})
	}
}

// TestActiveMQWaitsForALease: one with its default locker looks at no lease,
// and waits for ours all the same.
func TestActiveMQWaitsForALease(t *testing.T) {
	t.Parallel()
	url := shared.URL(newDatabase(t, shared, ""))
	ours, java := leaseNode(t, harness.Conclave, "c", url, leaseLocker), leaseNode(t, harness.ActiveMQ, "j", url, "")
	require.NoError(t, ours.StartServing(patience))
	require.NoError(t, java.Start())
	require.NoError(t, java.WaitLog(patience, "Attempting to acquire the exclusive lock"))
	<-time.After(leaseTime) // several renewals long
	require.False(t, java.Serving())
	require.True(t, ours.Serving())
	require.NoError(t, ours.Stop(patience))
	require.NoError(t, java.WaitServing(patience))
	require.NoError(t, java.Kill())
}
