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

// lockTables locks all that a master uses, in the order in which it does.
const lockTables = "LOCK TABLE conclave_epoch, conclave_state, conclave_dests, conclave_producers, activemq_msgs, activemq_acks IN ACCESS EXCLUSIVE MODE"

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
			x.server = newServer(x.T, postgres.Options{})
			ordinaryRole(x)
			for _, s := range settings {
				require.NoError(x, x.server.Exec("", "ALTER ROLE "+role+" SET "+s))
			}
		}
	}
	heldFor := func(name string, long time.Duration, locks ...string) row {
		return row{name: name, promise: "a pause, no exception", serve: backOnline,
			strike: func(x *trial) {
				ended := x.hold(long, locks...)
				require.NoError(x, <-ended)
				x.still()
			}}
	}
	rowsLocked := heldFor("rows locked by somebody for long", 12*time.Second, "SELECT count(*) FROM (SELECT FROM activemq_msgs FOR UPDATE) m",
		"SELECT count(*) FROM (SELECT FROM conclave_dests FOR UPDATE) d", "SELECT count(*) FROM (SELECT FROM conclave_epoch FOR UPDATE) e")
	rowsLocked.after = goesOnInItsEpoch
	return []row{
		{name: "tables written anew while it serves", promise: "nobody notices", serve: backOnline, after: goesOnInItsEpoch,
			strike: func(x *trial) {
				for range 2 {
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
		heldFor("tables locked by somebody for longer than the lease", 10*time.Second, lockTables),
		rowsLocked,
		// A session of the dead master that waits for a lock goes with the keepalive
		// at the latest.
		{name: "tables locked by somebody, master killed meanwhile", promise: "a pause, no exception", serve: keepalive,
			strike: func(x *trial) {
				ended := x.hold(4*time.Second, lockTables)
				wait(300 * time.Millisecond)
				require.NoError(x, x.a.Kill())
				require.NoError(x, <-ended)
				x.still()
			}},
		// Long enough for the server to find all sessions too old when it wakes.
		{name: "server's processes stopped for long", on: ownServer(nil), promise: "a pause, no exception", serve: backOnline,
			strike: func(x *trial) {
				x.signalAll(syscall.SIGSTOP)
				wait(12 * time.Second)
				x.still()
				x.signalAll(syscall.SIGCONT)
			}},
		{name: "role with short timeouts", on: asRole("statement_timeout = '60ms'", "lock_timeout = '50ms'", "idle_in_transaction_session_timeout = '60ms'", "idle_session_timeout = '400ms'"),
			promise: "nobody notices", serve: 500 * time.Millisecond, after: goesOnInItsEpoch,
			strike: func(x *trial) { wait(2 * time.Second); x.still() }},
		{name: "role with odd settings", on: asRole("timezone = 'Pacific/Chatham'", "datestyle = 'German'", "bytea_output = 'escape'", "default_transaction_isolation = 'serializable'",
			"default_transaction_deferrable = on", "client_encoding = 'LATIN1'", "extra_float_digits = -15", "standard_conforming_strings = off", "row_security = off", "enable_indexscan = off", "intervalstyle = 'sql_standard'"),
			promise: "nobody notices", serve: 500 * time.Millisecond, after: goesOnInItsEpoch,
			strike: func(x *trial) { x.still() }},
		{name: "role read-only by default", on: asRole(), promise: "a pause, no exception", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, x.server.Exec("", "ALTER ROLE "+role+" SET default_transaction_read_only = on"))
				x.terminate(anySession)
				wait(time.Second)
				require.NoError(x, x.server.Exec("", "ALTER ROLE "+role+" RESET default_transaction_read_only"))
				x.terminate(anySession)
				x.still()
			}},
	}
}
