//go:build postgres

package postgres

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness/postgres"
)

// leaseEnds bounds the time until a lease that nobody renews is another's.
const leaseEnds = leaseTime + 2*time.Second

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
	}
	for i := range rows {
		rows[i].lease = true
	}
	return rows
}
