//go:build postgres

package postgres

import (
	"time"

	"github.com/stretchr/testify/require"
)

// sessionRows are sessions that the server ends, as an administrator, a
// firewall or a proxy would.
func sessionRows() []row {
	ended := func(which string) func(x *trial) {
		return func(x *trial) {
			x.still()
			require.Positive(x, x.terminate(which))
		}
	}
	return []row{
		{name: "lock session ended", promise: "P1, P9", serve: backOnline, strike: ended(lockSession)},
		{name: "slave's session ended", promise: "nobody notices", serve: 500 * time.Millisecond, after: slaveStillGood,
			strike: ended(slaveSession)},
		{name: "store sessions ended", promise: "a pause, no exception", serve: backOnline, strike: ended(storeSession)},
		{name: "lock and store sessions ended", promise: "P1, P9", serve: backOnline, strike: ended(anySession + " AND NOT " + slaveSession)},
		{name: "all sessions ended", promise: "P1, P9", serve: backOnline, strike: ended(anySession)},
		{name: "sessions ended at random moments", promise: "P1 to P6", serve: backOnline,
			strike: func(x *trial) {
				which := []string{lockSession, storeSession, slaveSession, anySession}
				for range 12 {
					x.work.GoesOn(1 + x.random.IntN(30))
					wait(time.Duration(x.random.Int64N(int64(100 * time.Millisecond))))
					x.terminate(which[x.random.IntN(len(which))])
				}
				x.still()
			}},
		{name: "sessions ended and masters killed at random", promise: "P1 to P6", serve: keepalive,
			strike: func(x *trial) {
				which := []string{lockSession, storeSession, slaveSession, anySession}
				for range 4 {
					x.work.GoesOn(1 + x.random.IntN(30))
					x.terminate(which[x.random.IntN(len(which))])
					wait(time.Duration(x.random.Int64N(int64(300 * time.Millisecond))))
					m, _ := x.master()
					require.NoError(x, m.Kill())
					require.NoError(x, m.Start())
				}
				x.still()
			}},
	}
}

// slaveStillGood kills the master after all: the slave has taken its place in
// the queue for the lock again.
func slaveStillGood(x *trial) {
	goesOnInItsEpoch(x)
	require.NoError(x, x.a.Kill())
	require.NoError(x, x.b.WaitServing(patience))
}
