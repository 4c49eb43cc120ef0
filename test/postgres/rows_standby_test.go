//go:build postgres

package postgres

import (
	"fmt"
	"maps"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// withStandby gives a trial a server with a standby, whose URL names both.
func withStandby(synchronous bool) func(x *trial) {
	return func(x *trial) {
		settings := map[string]string{}
		if synchronous {
			settings["synchronous_standby_names"] = "*"
		}
		s, err := postgres.New(postgres.Options{Settings: settings})
		require.NoError(x, err)
		own(x.T, s)
		require.NoError(x, s.Start())
		x.standby, err = s.Standby("second", map[string]string{"synchronous_standby_names": ""})
		require.NoError(x, err)
		own(x.T, x.standby)
		require.NoError(x, x.standby.Start())
		x.server = s
		x.database = newDatabase(x.T, s, "")
		x.url = fmt.Sprintf("postgres://%s:%s@%s,%s/%s?sslmode=disable&target_session_attrs=read-write",
			postgres.User, postgres.Password, s.Address(), x.standby.Address(), x.database)
	}
}

// standbyFirst is a URL that says nothing but where both are.
func standbyFirst(x *trial) {
	withStandby(false)(x)
	x.url = fmt.Sprintf("postgres://%s:%s@%s,%s/%s?sslmode=disable", postgres.User, postgres.Password, x.standby.Address(), x.server.Address(), x.database)
	require.True(x, harness.Eventually(patience, func() bool {
		there, err := x.standby.Query("", "SELECT count(*) FROM pg_database WHERE datname = '"+x.database+"'")
		return err == nil && there == "1"
	}), "the standby does not follow")
}

// fallBehind has everything that was confirmed so far on the standby, and
// nothing of what is confirmed from then on.
func (x *trial) fallBehind() (before map[string]int) {
	x.Helper()
	before = x.history.Mark()
	x.work.GoesOn(20) // every send that was under way is answered
	lsn, err := x.server.Query("", "SELECT pg_current_wal_flush_lsn()")
	require.NoError(x, err)
	require.True(x, harness.Eventually(patience, func() bool {
		ok, err := x.server.Query("", fmt.Sprintf("SELECT flush_lsn >= '%s' FROM pg_stat_replication", lsn))
		return err == nil && ok == "t"
	}), "the standby does not follow")
	require.NoError(x, x.standby.Stop(postgres.Fast))
	x.work.GoesOn(30)
	x.work.StopConsumers() // let it pile up
	x.work.GoesOn(100)
	return before
}

// promote makes the standby the server.
func (x *trial) promote() {
	x.Helper()
	require.NoError(x, x.standby.Promote())
	x.server = x.standby
}

// standbyRows are a database that fails over itself.
func standbyRows() []row {
	// What the old server had not sent is gone, whoever it was confirmed to.
	// What it had sent is there, and the pair serves that, no more and no less.
	onlyWhatCameLater := func(before map[string]int) func(x *trial) {
		return func(x *trial) {
			lost := x.history.Lost()
			for _, item := range lost {
				require.GreaterOrEqual(x, item.Number, before[item.Producer], "%s was there before the standby fell behind", item)
			}
			require.NotEmpty(x, lost, "the standby had not fallen behind: the row shows nothing")
		}
	}
	behind := func(name string, kill bool) row {
		before := map[string]int{}
		return row{name: name, on: withStandby(false), serve: backOnline, promise: "the database's: lost is only what came after the cut",
			excuses: map[string]bool{"P2": true, "P3": true, "P5": true, "P6": true},
			strike: func(x *trial) {
				maps.Copy(before, x.fallBehind())
				require.NoError(x, x.server.Kill())
				if kill {
					require.NoError(x, x.a.Kill())
				}
				require.NoError(x, x.standby.Start())
				x.promote()
				x.still()
			},
			after: onlyWhatCameLater(before)}
	}
	return []row{
		{name: "standby named first", on: standbyFirst, promise: "it is passed over", serve: 500 * time.Millisecond, after: goesOnInItsEpoch,
			strike: func(x *trial) { x.still() }},
		{name: "synchronous standby promoted", on: withStandby(true), promise: "P1 to P6: nothing is lost", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, x.server.Kill())
				x.promote()
				x.still()
			}},
		{name: "synchronous standby promoted, master killed with it", on: withStandby(true), promise: "P1 to P6: nothing is lost", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, x.server.Kill())
				require.NoError(x, x.a.Kill())
				x.promote()
				x.still() // the other may serve already
			}},
		{name: "synchronous standby away for a while", on: withStandby(true), promise: "nobody confirms, then it goes on", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, x.standby.Stop(postgres.Fast))
				x.silent(2 * time.Second)
				require.NoError(x, x.standby.Start())
				x.still()
			}},
		behind("asynchronous standby promoted that had fallen behind", false),
		behind("asynchronous standby promoted that had fallen behind, master killed with it", true),
	}
}
