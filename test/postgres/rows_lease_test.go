//go:build postgres

package postgres

import (
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness/postgres"
)

// leaseEnds bounds the time until a lease that nobody renews is another's.
const leaseEnds = leaseTime + 2*time.Second

// clockwork has the brokers be a role that finds another clock before the
// server's own.
func clockwork(x *trial) {
	x.server = newServer(x.T, postgres.Options{})
	ordinaryRole(x)
	require.NoError(x, x.server.Exec(x.database, "CREATE SCHEMA clockwork", "CREATE TABLE clockwork.jump AS SELECT interval '0' AS by",
		`CREATE FUNCTION clockwork.clock_timestamp() RETURNS timestamptz STABLE SECURITY DEFINER LANGUAGE sql AS
		'SELECT pg_catalog.clock_timestamp() + by FROM clockwork.jump'`, "GRANT USAGE ON SCHEMA clockwork TO "+role,
		"ALTER ROLE "+role+" SET search_path = public, clockwork, pg_catalog"))
}

// jump sets that clock so far from the true time.
func (x *trial) jump(by string) {
	x.Helper()
	require.NoError(x, x.server.Exec(x.database, "UPDATE clockwork.jump SET by = '"+by+"'"))
}

// leaseRows are faults of a pair that keeps ActiveMQ's lease row.
func leaseRows() []row {
	rows := []row{
		{name: "lease: master killed", promise: "P9: lease + 2 s", serve: leaseEnds,
			strike: func(x *trial) {
				x.now()
				require.NoError(x, x.a.Kill())
			}},
		{name: "lease: master stopped for long", impatient: true, promise: "P1: it confirms nothing more", serve: leaseEnds + 3*time.Second,
			strike: func(x *trial) {
				x.now()
				require.NoError(x, x.a.Freeze(patience))
				x.served()
				x.work.GoesOn(30)
				require.NoError(x, x.a.Thaw())
				x.isSlaveAgain(x.a)
			}},
		{name: "lease: cut from the database", on: ownHost, promise: "P1: silent, then a slave", serve: keepalive,
			strike: func(x *trial) {
				x.now()
				x.cut()
				x.served()
				x.work.GoesOn(50)
				x.heal()
				x.isSlaveAgain(x.a)
			}},
		{name: "lease: all sessions ended, again and again", promise: "P1, P2", serve: backOnline,
			strike: func(x *trial) {
				for range 5 {
					x.work.GoesOn(1 + x.random.IntN(30))
					x.terminate(anySession)
				}
				x.still()
			}},
		{name: "lease: server restarted", on: ownServer(nil), promise: "a pause, no exception", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, x.server.Stop(postgres.Immediate))
				require.NoError(x, x.server.Start())
				x.still()
			}},
		{name: "lease: the database's clock jumps", on: clockwork, promise: "P1: whoever has the lease", serve: leaseEnds,
			strike: func(x *trial) {
				for _, by := range []string{"1 hour", "-1 hour", "-3 hours", "10 seconds", "-10 seconds", "0"} {
					x.jump(by)
					x.work.GoesOn(20)
				}
				x.still()
			}},
		{name: "lease: the database's clock set back, master killed", on: clockwork, promise: "P9: lease + 2 s", serve: leaseEnds + time.Second,
			strike: func(x *trial) {
				m, _ := x.master()
				x.now()
				require.NoError(x, m.Process().Signal(syscall.SIGSTOP)) // it does not write the new time
				x.jump("-3 hours")
				require.NoError(x, m.Kill())
			}},
	}
	for i := range rows {
		rows[i].lease = true
	}
	return rows
}
