//go:build postgres

package postgres

import (
	"fmt"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// hold has somebody lock tables or rows in a transaction that lasts a while. It
// returns when they are locked; ended gets the transaction's error.
func (x *trial) hold(long time.Duration, locks ...string) (ended <-chan error) {
	x.Helper()
	done := make(chan error, 1)
	key := x.random.Int32()
	statements := append([]string{"BEGIN"}, locks...)
	statements = append(statements, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", key), fmt.Sprintf("SELECT pg_sleep(%g)", long.Seconds()), "COMMIT")
	go func() { done <- x.server.Exec(x.database, statements...) }()
	require.True(x, harness.Eventually(patience, func() bool {
		held, err := x.server.Query("", fmt.Sprintf("SELECT count(*) FROM pg_locks WHERE granted AND locktype = 'advisory' AND objid = %d", key))
		return err == nil && held == "1"
	}), "nobody has locked them")
	return done
}

// ourTables are all that a broker uses, in the order in which it does.
const ourTables = "conclave_epoch, conclave_state, conclave_dests, conclave_producers, activemq_msgs, activemq_acks"

// signalAll sends a signal to every process of the server.
func (x *trial) signalAll(signal syscall.Signal) {
	x.Helper()
	out, err := x.server.Processes()
	require.NoError(x, err)
	for _, pid := range out {
		_ = syscall.Kill(pid, signal)
	}
}

// guestRows are what other users of a database do to it, and to the role.
func guestRows() []row {
	asRole := func(settings ...string) func(x *trial) {
		return func(x *trial) {
			if x.server == shared {
				x.server = newServer(x.T, postgres.Options{})
			}
			ordinaryRole(x)
			for _, s := range settings {
				require.NoError(x, x.server.Exec("", "ALTER ROLE "+role+" SET "+s))
			}
		}
	}
	heldFor := func(name string, long time.Duration, kill, failsOver bool, locks ...string) row {
		r := row{name: name, promise: "a pause, no exception", serve: backOnline,
			strike: func(x *trial) {
				ended := x.hold(long, locks...)
				if kill {
					wait(300 * time.Millisecond)
					require.NoError(x, x.a.Kill())
				}
				require.NoError(x, <-ended)
				x.still()
			}}
		if !failsOver {
			r.after = goesOnInItsEpoch
		}
		return r
	}
	frozen := func(long time.Duration) row {
		return row{name: fmt.Sprintf("server's processes stopped for %v", long), on: ownServer(nil), promise: "a pause, no exception", serve: backOnline,
			strike: func(x *trial) {
				x.signalAll(syscall.SIGSTOP)
				wait(long)
				x.still()
				x.signalAll(syscall.SIGCONT)
			}}
	}
	return []row{
		{name: "tables written anew while it serves", promise: "nobody notices", serve: backOnline, after: goesOnInItsEpoch,
			strike: func(x *trial) {
				for range 3 {
					require.NoError(x, x.server.Exec(x.database, "VACUUM FULL activemq_msgs", "VACUUM FULL conclave_dests", "VACUUM FULL conclave_epoch", "REINDEX TABLE activemq_msgs", "CLUSTER activemq_msgs USING activemq_msgs_pkey", "VACUUM ANALYZE"))
				}
				x.still()
			}},
		// Which needs the row of ActiveMQ's lock for itself.
		{name: "whole database written anew", promise: "a pause, no exception", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, x.server.Exec(x.database, "VACUUM FULL"))
				x.still()
			}},
		{name: "tables altered while it serves", promise: "nobody notices", serve: backOnline, after: goesOnInItsEpoch,
			strike: func(x *trial) {
				for _, sql := range []string{"ALTER TABLE activemq_msgs ADD COLUMN note text", "ALTER TABLE activemq_msgs ALTER COLUMN container TYPE varchar(300)",
					"ALTER TABLE conclave_dests ADD COLUMN note text DEFAULT 'x'", "ALTER TABLE activemq_msgs ALTER COLUMN msg SET STORAGE EXTERNAL",
					"ALTER TABLE activemq_msgs ALTER COLUMN msgid_prod TYPE text", "ALTER TABLE activemq_msgs DROP COLUMN note", "DROP INDEX activemq_msgs_conclave_idx"} {
					require.NoError(x, x.server.Exec(x.database, sql))
					x.work.GoesOn(5)
				}
				x.still()
			}},
		heldFor("tables locked by somebody for longer than the lease", 12*time.Second, false, true, "LOCK TABLE "+ourTables+" IN ACCESS EXCLUSIVE MODE"),
		heldFor("message tables locked by somebody for long", 12*time.Second, false, false, "LOCK TABLE conclave_dests, activemq_msgs IN ACCESS EXCLUSIVE MODE"),
		heldFor("rows locked by somebody for long", 12*time.Second, false, false, "SELECT count(*) FROM (SELECT FROM activemq_msgs FOR UPDATE) m", "SELECT count(*) FROM (SELECT FROM conclave_dests FOR UPDATE) d",
			"SELECT count(*) FROM (SELECT FROM conclave_epoch FOR UPDATE) e"),
		heldFor("tables locked by somebody, master killed meanwhile", 4*time.Second, true, true, "LOCK TABLE "+ourTables+" IN ACCESS EXCLUSIVE MODE"),
		heldFor("message tables locked by somebody, master killed meanwhile", 12*time.Second, true, true, "LOCK TABLE conclave_dests, activemq_msgs IN ACCESS EXCLUSIVE MODE"),
		frozen(3 * time.Second), frozen(12 * time.Second), frozen(40 * time.Second),
		{name: "standby named first", on: func(x *trial) {
			withStandby(false)(x)
			x.url = fmt.Sprintf("postgres://%s:%s@%s,%s/%s?sslmode=disable", postgres.User, postgres.Password, x.standby.Address(), x.server.Address(), x.database)
			require.True(x, harness.Eventually(patience, func() bool {
				there, err := x.standby.Query("", "SELECT count(*) FROM pg_database WHERE datname = '"+x.database+"'")
				return err == nil && there == "1"
			}))
		}, promise: "it is passed over", serve: 500 * time.Millisecond, after: goesOnInItsEpoch, strike: func(x *trial) { x.still() }},
		{name: "role with short timeouts", on: asRole("statement_timeout = '60ms'", "lock_timeout = '50ms'", "idle_in_transaction_session_timeout = '60ms'", "idle_session_timeout = '400ms'"),
			promise: "nobody notices", serve: 500 * time.Millisecond, after: func(x *trial) {
				goesOnInItsEpoch(x)
				x.Log(x.server.Log())
			},
			strike: func(x *trial) { wait(2 * time.Second); x.still() }},
		{name: "role with odd settings", on: asRole("timezone = 'Pacific/Chatham'", "datestyle = 'German'", "bytea_output = 'escape'", "default_transaction_isolation = 'serializable'",
			"default_transaction_deferrable = on", "client_encoding = 'LATIN1'", "extra_float_digits = -15", "standard_conforming_strings = off", "row_security = off", "enable_indexscan = off", "intervalstyle = 'sql_standard'"),
			promise: "nobody notices", serve: 500 * time.Millisecond, after: goesOnInItsEpoch,
			strike: func(x *trial) { x.still() }},
		{name: "role read-only by default", on: asRole(), promise: "a pause, no exception", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, x.server.Exec("", "ALTER ROLE "+role+" SET default_transaction_read_only = on"))
				x.terminate(anySession)
				wait(3 * time.Second)
				require.NoError(x, x.server.Exec("", "ALTER ROLE "+role+" RESET default_transaction_read_only"))
				x.terminate(anySession)
				x.still()
			}},
	}
}
