//go:build postgres

package postgres

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// ownHost puts the first master on a host of its own, joined to the server's
// and the clients' by a cable.
func ownHost(x *trial) {
	cable, err := harness.LayCable()
	require.NoError(x, err)
	x.Cleanup(func() { require.NoError(x, cable.Close()) })
	x.cable = cable
	x.server = newServer(x.T, postgres.Options{Host: cable.Near})
}

// cut drops every packet between the first master and the server; the clients
// reach it as before.
func (x *trial) cut() {
	x.Helper()
	require.NoError(x, x.cable.Cut(x.server.Port()))
}

func (x *trial) heal() {
	x.Helper()
	require.NoError(x, x.cable.Heal())
}

// networkRows are a network between the master and its database, or a host,
// that is gone for a while, without either end hearing of it.
func networkRows() []row {
	return []row{
		{name: "cut from the database for a moment", on: ownHost, promise: "P1, P2", serve: backOnline,
			strike: func(x *trial) {
				x.cut()
				wait(time.Second)
				x.still()
				x.heal()
			}},
		{name: "cut from the database, healed when another serves", on: ownHost, promise: "P1: silent, then a slave", serve: keepalive,
			strike: func(x *trial) {
				x.now()
				x.cut()
				x.served()
				x.work.GoesOn(50)
				x.heal()
				x.isSlaveAgain(x.a)
			}},
		{name: "cut from the database for good", on: ownHost, promise: "P1, P9", serve: keepalive,
			strike: func(x *trial) {
				x.now()
				x.cut()
				x.served()
				require.False(x, x.a.Serving())
			},
			after: func(x *trial) { require.True(x, x.b.Serving()) }},
		{name: "cut again and again", on: ownHost, promise: "P1, P2", serve: keepalive,
			strike: func(x *trial) {
				for range 4 {
					x.work.GoesOn(1 + x.random.IntN(40))
					x.cut()
					wait(time.Duration(x.random.Int64N(int64(4 * time.Second))))
					x.heal()
					wait(time.Duration(x.random.Int64N(int64(time.Second))))
				}
				x.still()
			}},
		{name: "host frozen past the keepalive, then woken", on: ownHost, impatient: true, promise: "P1: silent from the first instruction", serve: keepalive,
			strike: func(x *trial) {
				x.now()
				require.NoError(x, x.a.Freeze(patience))
				require.NoError(x, x.cable.Cut(0))
				x.served()
				x.work.GoesOn(50)
				x.heal()
				require.NoError(x, x.a.Thaw())
				x.isSlaveAgain(x.a)
			}},
		{name: "host lost", on: ownHost, impatient: true, promise: "P9: keepalive + 2 s", serve: keepalive,
			strike: func(x *trial) {
				x.now()
				require.NoError(x, x.cable.Cut(0))
				require.NoError(x, x.a.Kill())
			}},
	}
}
