//go:build postgres

package postgres

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/crowd"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// row is one fault: what happens to a pair of brokers under load, and what
// must hold all the same. The history of the clients is checked against P1 to
// P6 in every row.
type row struct {
	name string
	on   func(x *trial) // makes the server, nil: the shared one
	// lease has the pair keep the lease row instead of a session's lock.
	lease bool
	// strike does it, and says from when on somebody has to serve again.
	strike func(x *trial)
	// impatient has clients give a silent broker up after two seconds, and an
	// address that does not answer after one.
	impatient bool
	// serve bounds the time from then to the first confirmed request.
	serve time.Duration
	// says is what the promise in question looks like here.
	promise string
	// after is checked when the load has ended.
	after func(x *trial)
	// excuses are promises that the database in question does not make.
	excuses map[string]bool
}

// trial is a row being run.
type trial struct {
	*testing.T
	server   *postgres.Server
	standby  *postgres.Server // nil: none
	database string
	url      string          // of the database, as the nodes are told
	cable    *harness.Cable  // a's way to the server, nil: loopback
	volume   *volume         // where the server or the database is, nil: with the others
	clients  string          // the URL of clients
	a, b     *harness.Broker // a is the first master
	history  *harness.History
	random   *rand.Rand
	work     *crowd.Crowd

	since time.Time // somebody has to serve from then on
	fresh bool      // another mastership than those before
}

// begin starts a pair and the load on it.
func (r row) begin(t *testing.T) *trial {
	x := &trial{T: t, server: shared, history: harness.NewHistory(), random: random(t)}
	if r.on != nil {
		r.on(x)
	}
	if x.database == "" {
		x.database = newDatabase(t, x.server, "")
	}
	if x.url == "" {
		x.url = x.server.URL(x.database)
	}
	o := harness.Options{Name: "b", JDBC: &harness.JDBC{URL: x.url}}
	if r.lease {
		o.LockAcquireSleepInterval = leaseTime
		o.JDBC.Locker, o.JDBC.Attributes = leaseLocker, map[string]string{"lockKeepAlivePeriod": "500"}
	}
	x.b = newNode(t, o)
	o.Name = "a"
	if x.cable != nil {
		o.Namespace, o.Host = x.cable.Name, x.cable.Far
	}
	x.a = newNode(t, o)
	require.NoError(t, x.a.StartServing(patience))
	require.NoError(t, x.b.Start())
	require.NoError(t, x.b.WaitSlave(patience))
	x.clients = harness.Failover(x.a, x.b)
	if r.impatient {
		x.clients += "&nested.connectionTimeout=1000&nested.wireFormat.maxInactivityDuration=2000&nested.wireFormat.maxInactivityDurationInitalDelay=1000"
	}
	x.work = crowd.Start(t, x.clients, x.history, x.random)
	x.work.GoesOn(50)
	return x
}

// now says that somebody has to serve from now on; it is a new mastership that
// does.
func (x *trial) now() { x.since, x.fresh = time.Now(), true }

// still says the same of whichever mastership.
func (x *trial) still() { x.since, x.fresh = time.Now(), false }

// served waits until somebody serves again, and says how long that took.
func (x *trial) served() time.Duration {
	x.Helper()
	var at time.Time
	ok := harness.Eventually(patience, func() (ok bool) {
		at, ok = x.history.FirstAnswer(x.since, x.fresh)
		return ok
	})
	require.True(x, ok, "nobody serves again")
	return at.Sub(x.since)
}

// master is the node that serves now, slave the other.
func (x *trial) master() (master, slave *harness.Broker) {
	x.Helper()
	require.True(x, harness.Eventually(patience, func() bool {
		for _, n := range []*harness.Broker{x.a, x.b} {
			if n.Running() && n.Serving() {
				master = n
				return true
			}
		}
		return false
	}), "nobody serves")
	if master == x.a {
		return x.a, x.b
	}
	return x.b, x.a
}

// silent waits until nothing has been confirmed for a while.
func (x *trial) silent(quiet time.Duration) {
	x.Helper()
	require.True(x, harness.Eventually(patience, func() bool { return x.history.Quiet() > quiet }), "somebody goes on")
}

// sessions of the brokers, as conditions on pg_stat_activity.
const (
	election     = "EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.mode = 'ExclusiveLock'"
	lockSession  = election + " AND l.granted)"
	slaveSession = election + " AND NOT l.granted)"
	storeSession = "NOT " + election + ") AND a.application_name NOT LIKE '%lock%'"
	anySession   = "true"
)

// pids finds sessions of the brokers: the server's processes.
func (x *trial) pids(which string) (pids []int) {
	x.Helper()
	out, err := x.server.Query("", fmt.Sprintf(`SELECT a.pid FROM pg_stat_activity a
		WHERE a.datname = '%s' AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() AND %s`, x.database, which))
	require.NoError(x, err)
	for text := range strings.FieldsSeq(out) {
		pid, err := strconv.Atoi(text)
		require.NoError(x, err)
		pids = append(pids, pid)
	}
	return pids
}

// terminate ends sessions of the brokers and returns how many.
func (x *trial) terminate(which string) int {
	x.Helper()
	pids := x.pids(which)
	end(x, pids)
	return len(pids)
}

// end does to sessions what pg_terminate_backend does, which needs a session
// itself.
func end(x *trial, pids []int) {
	x.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGTERM); !errors.Is(err, syscall.ESRCH) {
			require.NoError(x, err)
		}
	}
}

// isSlaveAgain waits until a node that was master has logged that it is a
// slave, in the same process.
func (x *trial) isSlaveAgain(n *harness.Broker) {
	x.Helper()
	require.NoError(x, n.WaitLog(patience, "This broker is now in slave mode"))
	require.False(x, n.Serving())
}

// end stops the load, empties the queues and checks the history.
func (x *trial) end() []harness.Violation {
	x.Helper()
	x.work.End()
	x.work.Drain(x.clients)
	x.tablesAreEmpty()
	return x.history.Verify(time.Second)
}

// tablesAreEmpty says that the tables agree with what the clients were told.
func (x *trial) tablesAreEmpty() {
	x.Helper()
	const query = `SELECT count(*), string_agg(concat_ws(' ', id, container, xid, substring(encode(msg, 'escape') FROM 'ledger [^;]*')), ', ')
		FROM activemq_msgs WHERE container <> 'queue://` + backlogQueue + `'`
	left := ""
	empty := harness.Eventually(10*time.Second, func() bool {
		var err error
		left, err = x.server.Query(x.database, query)
		return err == nil && left == "0|"
	})
	if empty {
		return
	}
	x.Errorf("the queues are empty, and the tables have messages: %s", left)
	x.work.Drain(x.clients)
	after, err := x.server.Query(x.database, "SELECT count(*) FROM activemq_msgs WHERE container <> 'queue://"+backlogQueue+"'")
	x.Logf("asked once more, the broker has left %s of them (%v): what it gives now was late, what it does not it has lost sight of", after, err)
	for mark := range strings.SplitSeq(left, "ledger ") {
		words := strings.FieldsFunc(mark, func(r rune) bool { return r == ' ' || r == ',' })
		if len(words) >= 2 {
			if number, err := strconv.Atoi(words[1]); err == nil {
				x.Log(words[0], number, x.history.Story(harness.Item{Producer: words[0], Number: number}))
			}
		}
	}
}

// run runs a row as a test.
func (r row) run(t *testing.T) {
	x := r.begin(t)
	lag := harness.WatchLag()
	r.strike(x)
	done := x.served()
	late := lag.Stop()
	x.work.GoesOn(50)
	wrong := x.end()
	fmt.Printf("postgres: %-58s served again after %6v of %v (%s); %v\n", r.name, done.Round(time.Millisecond), r.serve, r.promise, x.history.Account())
	for _, v := range wrong {
		if !r.excuses[v.Promise] {
			t.Error(v)
		}
	}
	require.LessOrEqual(t, done, r.serve+late, "time to serve again; the machine stood still for %v of it", late)
	if r.after != nil {
		r.after(x)
	}
}

// wait lets time pass: what happens meanwhile is what the row is about.
func wait(d time.Duration) { <-time.After(d) }
