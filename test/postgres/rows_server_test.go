//go:build postgres

package postgres

import (
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness/postgres"
)

// ownServer gives a trial a server that it may do anything to.
func ownServer(settings map[string]string) func(x *trial) {
	return func(x *trial) { x.server = newServer(x.T, postgres.Options{Settings: settings}) }
}

// serverRows are a server that goes away and comes back.
func serverRows() []row {
	fast := func(s *postgres.Server) error { return s.Stop(postgres.Fast) }
	immediate := func(s *postgres.Server) error { return s.Stop(postgres.Immediate) }
	rows := []row{
		// Each session asks for what the server does not do by itself.
		{name: "server killed that commits asynchronously by default", promise: "P2: not with these clients", serve: backOnline,
			on: ownServer(map[string]string{"synchronous_commit": "off", "wal_writer_delay": "10s"}),
			strike: func(x *trial) {
				x.work.StopConsumers() // let it pile up
				x.work.GoesOn(50)
				require.NoError(x, x.server.Kill())
				require.NoError(x, x.server.Start())
				x.still()
			}},
		{name: "server's settings lose what is confirmed", promise: "it is said at the start", serve: 500 * time.Millisecond,
			on: ownServer(map[string]string{"fsync": "off", "full_page_writes": "off"}),
			strike: func(x *trial) {
				x.still()
				require.NoError(x, x.a.WaitLog(patience, "[fsync full_page_writes]"))
			}},
		{name: "server restarted again and again", promise: "P2: a pause each time", serve: backOnline,
			strike: func(x *trial) {
				for i := range 4 {
					x.work.GoesOn(1 + x.random.IntN(40))
					how := []func(*postgres.Server) error{fast, immediate, (*postgres.Server).Kill}[i%3]
					require.NoError(x, how(x.server))
					wait(time.Duration(x.random.Int64N(int64(300 * time.Millisecond))))
					require.NoError(x, x.server.Start())
				}
				x.still()
			}},
		{name: "server restarted and master killed meanwhile", promise: "P2, P9", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, immediate(x.server))
				require.NoError(x, x.a.Kill())
				require.NoError(x, x.server.Start())
				x.still() // the other may serve already
			},
			after: func(x *trial) { require.True(x, x.b.Serving()) }},
		{name: "server away for longer than the lease", promise: "nobody confirms, then one serves", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, fast(x.server))
				x.silent(keepalive)
				require.True(x, x.a.Running() && x.b.Running())
				require.NoError(x, x.server.Start())
				x.still()
			}},
		{name: "server takes no new connections for a while", promise: "no fail-over", serve: 500 * time.Millisecond,
			strike: func(x *trial) {
				require.NoError(x, x.server.Signal(syscall.SIGSTOP))
				wait(3 * time.Second)
				x.still()
				require.NoError(x, x.server.Signal(syscall.SIGCONT))
			},
			after: goesOnInItsEpoch},
	}
	for name, how := range map[string]func(*postgres.Server) error{
		"fast": fast, "immediate": immediate, "kill -9": (*postgres.Server).Kill,
	} {
		rows = append(rows, row{name: "server restarted: " + name, promise: "a pause, no exception", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, how(x.server))
				wait(500 * time.Millisecond)
				require.NoError(x, x.server.Start())
				x.still()
			}})
	}
	for i := range rows {
		if rows[i].on == nil {
			rows[i].on = ownServer(nil)
		}
	}
	return rows
}
