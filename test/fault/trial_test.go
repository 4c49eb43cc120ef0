//go:build fault

package fault

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/fault/storage"
	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/crowd"
)

// row is one fault: what happens to a pair of brokers under load, and what
// must hold all the same. The history of the clients is checked against P1 to
// P6 in every row.
type row struct {
	name string
	on   site
	set  settings
	// strike does it, and says from when on somebody has to serve again.
	strike func(x *trial)
	// waits says that the row needs time rather than the machine: it runs
	// beside others.
	waits bool
	// steps says that the row starts processes over and over: most of its time
	// is that of their looking at the storage.
	steps bool
	// impatient has clients give a silent broker up after two seconds.
	impatient bool
	// serve bounds the time from then to the first confirmed request.
	serve time.Duration
	// says is what the promise in question looks like here.
	promise string
	// after is checked when the load has ended.
	after func(x *trial)
}

// site is where a pair keeps its journal.
type site int

const (
	local   site = iota // a directory of this machine
	hosts               // two mounts of one storage whose locks work
	lawless             // two mounts of one storage whose locks do not
	loop                // an ext4 in a file
)

// trial is a row being run.
type trial struct {
	*testing.T
	a, b    *node // a is the first master
	history *harness.History
	random  *rand.Rand
	work    *crowd.Crowd

	volume       *volume          // on loop
	storage      *storage.Storage // nil on local and loop
	hostA, hostB *storage.Host

	joined time.Time // when b was started
	since  time.Time // somebody has to serve from then on
	fresh  bool      // another mastership than those before
	done   time.Duration
}

const smallFiles = "journalMaxFileLength: 1mb, cleanupInterval: 300"

// begin starts a pair on its site and the load on it.
func (r row) begin(t *testing.T) *trial {
	on, set := r.on, r.set
	x := &trial{T: t, history: harness.NewHistory(), random: random(t)}
	dirA, dirB := filepath.Join(t.TempDir(), "kahadb"), ""
	switch dirB = dirA; on {
	case loop:
		x.volume = loopVolume(x)
		dirA = filepath.Join(x.volume.root, "kahadb")
		dirB = dirA
	case hosts, lawless:
		x.storage = storage.New()
		x.hostA, x.hostB = x.mount(on == hosts), x.mount(on == hosts)
		dirA, dirB = filepath.Join(x.hostA.Dir, "kahadb"), filepath.Join(x.hostB.Dir, "kahadb")
	}
	if set.kahaDB == "" {
		set.kahaDB = smallFiles
	}
	set.name = "a"
	x.a = newNode(t, dirA, set)
	set.name = "b"
	x.b = newNode(t, dirB, set)
	if x.hostA != nil { // before the nodes are killed, or they might not die
		t.Cleanup(func() { _, _ = x.hostA.Close(), x.hostB.Close() })
	}
	x.a.serve()
	x.joined = time.Now()
	x.b.start().waitSlave(1)
	url := failover(x.a, x.b)
	if r.impatient {
		url += "&nested.wireFormat.maxInactivityDuration=2000&nested.wireFormat.maxInactivityDurationInitalDelay=1000"
	}
	x.work = crowd.Start(t, url, x.history, x.random)
	x.work.GoesOn(50)
	return x
}

// mount gives the storage another host.
func (x *trial) mount(locks bool) *storage.Host {
	needsRoot(x.T)
	dir, err := os.MkdirTemp("", "host")
	require.NoError(x, err)
	h, err := x.storage.Mount(dir, locks)
	require.NoError(x, err)
	x.Cleanup(func() { _ = os.Remove(dir) })
	return h
}

// now says that somebody has to serve from now on; it is a new mastership that
// does.
func (x *trial) now() { x.since, x.fresh = time.Now(), true }

// still says the same of a mastership that goes on.
func (x *trial) still() { x.since, x.fresh = time.Now(), false }

// served waits until somebody serves again, and says how long that took.
func (x *trial) served(limit time.Duration) time.Duration {
	x.Helper()
	var at time.Time
	ok := harness.Eventually(limit+patience, func() (ok bool) {
		at, ok = x.history.FirstAnswer(x.since, x.fresh)
		return ok
	})
	require.True(x, ok, "nobody serves again")
	return at.Sub(x.since)
}

// master is the node that serves now.
func (x *trial) master() *node {
	x.Helper()
	var m *node
	require.True(x, harness.Eventually(patience, func() bool {
		for _, n := range []*node{x.a, x.b} {
			if n.process.Running() && n.listening() {
				m = n
				return true
			}
		}
		return false
	}), "nobody serves")
	return m
}

// other is the node that n is not.
func (x *trial) other(n *node) *node {
	if n == x.a {
		return x.b
	}
	return x.a
}

// host is the one that a node runs on.
func (x *trial) host(n *node) *storage.Host {
	if n == x.a {
		return x.hostA
	}
	return x.hostB
}

// end stops the load, empties the queues and checks the history.
func (x *trial) end() []harness.Violation {
	x.Helper()
	x.work.End()
	x.work.Drain(failover(x.a, x.b))
	return x.history.Verify(time.Second)
}

// run runs a row as a test.
func (r row) run(t *testing.T) {
	x := r.begin(t)
	lag := harness.WatchLag()
	r.strike(x)
	x.done = x.served(r.serve)
	late := lag.Stop()
	x.work.GoesOn(50)
	wrong := x.end()
	account := x.history.Account()
	fmt.Printf("fault: %-58s served again after %6v of %v (%s); %v\n", r.name, x.done.Round(time.Millisecond), r.serve, r.promise, account)
	for _, v := range wrong {
		t.Error(v)
	}
	require.LessOrEqual(t, x.done, r.serve+late, "time to serve again; the machine stood still for %v of it", late)
	if r.after != nil {
		r.after(x)
	}
}
