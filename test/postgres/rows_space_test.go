//go:build postgres

package postgres

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness/postgres"
)

// smallTablespace gives a trial a database on a small volume; its log of
// transactions is elsewhere. Nothing is vacuumed: what was deleted is not used
// again, so that soon every insert needs space.
func smallTablespace(x *trial) {
	x.volume = newVolume(x.T, "40m")
	x.server = newServer(x.T, postgres.Options{Settings: map[string]string{"autovacuum": "off"}})
	require.NoError(x, x.server.Exec("", fmt.Sprintf("CREATE TABLESPACE small LOCATION '%s'", x.volume.directory("tables"))))
	x.database = newDatabase(x.T, x.server, "TABLESPACE small")
}

// smallServer has the whole server on a small volume.
func smallServer(x *trial) {
	x.volume = newVolume(x.T, "120m")
	x.server = newServer(x.T, postgres.Options{Directory: x.volume.directory("server"), Init: []string{"--wal-segsize=1"},
		Settings: map[string]string{"max_wal_size": "8MB", "min_wal_size": "2MB", "autovacuum": "off"}})
}

// spaceRows are a database that takes no more. No client gets an error, and no
// broker needs a restart.
func spaceRows() []row {
	alive := func(x *trial) { require.True(x, x.a.Running() && x.b.Running()) }
	return []row{
		{name: "tablespace full", on: smallTablespace, promise: "producers wait, then go on", serve: backOnline, after: alive,
			strike: func(x *trial) {
				x.volume.cram()
				x.silent(time.Second)
				wait(2 * time.Second)
				x.still()
				x.volume.free()
			}},
		{name: "tablespace full, master killed meanwhile", on: smallTablespace, promise: "P2", serve: backOnline,
			strike: func(x *trial) {
				x.volume.cram()
				x.silent(time.Second)
				require.NoError(x, x.a.Kill())
				require.NoError(x, x.b.WaitServing(patience))
				x.still()
				x.volume.free()
			}},
		{name: "server's disk full", on: smallServer, promise: "nobody confirms, then one serves", serve: backOnline, after: alive,
			strike: func(x *trial) {
				x.volume.cram()
				x.silent(2 * time.Second)
				x.volume.free()
				// It may have ended: without space it cannot recover either.
				if !x.server.Running() {
					require.NoError(x, x.server.Start())
				}
				x.still()
			}},
	}
}
