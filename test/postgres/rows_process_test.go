//go:build postgres

package postgres

import (
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// takeOver bounds the time from a kill to the next confirmed send.
const takeOver = 1500 * time.Millisecond

// keepalive is how long the server may take to notice that the host of a
// session is gone, and backOnline how long the brokers may take to notice that
// the server is back.
const (
	keepalive  = 12 * time.Second
	backOnline = 4 * time.Second
)

// processRows are what happens to processes.
func processRows() []row {
	return []row{
		{name: "master killed", promise: "P9: 1.5 s", serve: takeOver,
			strike: func(x *trial) {
				x.now()
				require.NoError(x, x.a.Kill())
			},
			after: func(x *trial) { require.True(x, x.b.Serving()) }},
		{name: "slave killed", promise: "P8, P9: nobody notices", serve: 500 * time.Millisecond,
			strike: func(x *trial) {
				x.still()
				require.NoError(x, x.b.Kill())
			},
			after: goesOnInItsEpoch},
		{name: "both killed, then started", promise: "P2, P9", serve: 3 * time.Second,
			strike: func(x *trial) {
				require.NoError(x, x.b.Kill())
				require.NoError(x, x.a.Kill())
				x.now()
				require.NoError(x, x.b.Start())
				require.NoError(x, x.a.Start())
			}},
		{name: "masters killed again and again", promise: "P2, P9: 1.5 s each time", serve: takeOver,
			strike: func(x *trial) {
				for range 5 {
					x.work.GoesOn(1 + x.random.IntN(60))
					m, s := x.master()
					require.NoError(x, s.WaitSlave(patience))
					x.now()
					require.NoError(x, m.Kill())
					require.Less(x, x.served(), 3*takeOver)
					require.NoError(x, m.Start())
				}
			}},
		{name: "masters killed while they take over", promise: "P2: nothing half done", serve: 3 * time.Second,
			strike: func(x *trial) {
				m, s := x.master()
				for range 5 {
					require.NoError(x, s.WaitSlave(patience))
					require.NoError(x, m.Kill())
					wait(time.Duration(x.random.Int64N(int64(400 * time.Millisecond))))
					require.NoError(x, m.Start())
					require.NoError(x, s.Kill())
					require.NoError(x, m.WaitServing(patience))
					require.NoError(x, s.Start())
				}
				x.still()
			}},
		{name: "master stopped cleanly", promise: "as soon as it has ended", serve: 2 * takeOver,
			strike: func(x *trial) {
				x.now()
				require.NoError(x, x.a.Stop(patience))
			}},
		{name: "switchover back and forth", promise: "planned: 1.5 s", serve: takeOver,
			strike: func(x *trial) {
				for range 2 {
					m, s := x.master()
					require.NoError(x, s.WaitSlave(patience))
					x.now()
					out, err := m.Command(x.Context(), "switchover")
					require.NoError(x, err, "%s", out)
					require.Less(x, x.served(), 3*takeOver)
				}
			}},
		{name: "master stopped for a moment", promise: "no fail-over, no loss", serve: time.Second,
			strike: func(x *trial) {
				require.NoError(x, x.a.Freeze(patience))
				wait(time.Second)
				x.still()
				require.NoError(x, x.a.Thaw())
			},
			after: goesOnInItsEpoch},
		// Its kernel answers the server's keepalives: the server ends its sessions
		// because they are idle.
		{name: "master stopped for long", impatient: true, promise: "P1: it confirms nothing more", serve: keepalive,
			strike: func(x *trial) {
				x.now()
				require.NoError(x, x.a.Freeze(patience))
				x.served()
				x.work.GoesOn(30)
				require.NoError(x, x.a.Thaw())
				x.isSlaveAgain(x.a)
			}},
		{name: "master stopped, its sessions ended meanwhile", impatient: true, promise: "P1: it confirms nothing more", serve: keepalive,
			strike: func(x *trial) {
				require.NoError(x, x.a.Freeze(patience))
				x.now()
				require.Positive(x, x.terminate(anySession+" AND NOT "+slaveSession))
				x.served()
				x.work.GoesOn(30)
				require.NoError(x, x.a.Thaw())
				x.isSlaveAgain(x.a)
			}},
		{name: "master stopped at random moments", promise: "P1, P2", serve: backOnline,
			strike: func(x *trial) {
				for range 6 {
					x.work.GoesOn(1 + x.random.IntN(40))
					m, _ := x.master()
					require.NoError(x, m.Process().Signal(syscall.SIGSTOP))
					if x.random.IntN(2) == 0 {
						x.terminate(lockSession)
					}
					wait(time.Duration(x.random.Int64N(int64(time.Second))))
					require.NoError(x, m.Thaw())
				}
				x.still()
			}},
	}
}

// goesOnInItsEpoch says that the first master has served all along.
func goesOnInItsEpoch(x *trial) {
	require.Equal(x, 1, x.a.Count("Conclave started"), "it served again")
	require.Zero(x, x.a.Count("level=ERROR"))
	require.False(x, x.b.Running() && x.b.Serving(), "two serve")
}
