//go:build interop

package interop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// pair is two nodes on one directory; kills go to whichever is master.
type pair struct {
	t      *testing.T
	nodes  [2]*harness.Broker
	master int // index of the node that served last
	random *rand.Rand
	// beforeKill looks at the pair before its master is killed; it may be nil.
	beforeKill func()
	// runtime is where the nodes' control sockets are.
	runtime string
}

const runtimeVariable = "CONCLAVE_RUNTIME_DIR"

// startPair starts two nodes, of these kinds or of the kind under test, and
// waits until one serves and the other says that it is a slave.
func startPair(t *testing.T, kinds ...harness.Kind) *pair {
	t.Helper()
	if len(kinds) == 0 {
		kinds = []harness.Kind{lab.Kind, lab.Kind}
	}
	dir := t.TempDir()
	p := &pair{t: t, random: rand.New(rand.NewPCG(lab.Seed, 0)), runtime: dir + "/run"}
	for i, name := range []string{"a", "b"} {
		p.nodes[i] = newBroker(t, harness.Options{
			Kind: kinds[i], Name: name, Directory: dir + "/kahadb", WorkDir: dir,
			// ActiveMQ's own interval of 10 s would make every kill last that long
			LockAcquireSleepInterval: 100 * time.Millisecond,
			Env:                      []string{runtimeVariable + "=" + p.runtime},
		})
		require.NoError(t, p.nodes[i].Start())
		if i == 0 {
			require.NoError(t, p.nodes[0].WaitServing(startLimit))
		}
	}
	require.NoError(t, p.nodes[1].WaitSlave(startLimit))
	return p
}

// failoverURL is what the clients of a pair use, by the text.
func (p *pair) failoverURL() string {
	return fmt.Sprintf("failover:(%s,%s)?initialReconnectDelay=10&maxReconnectDelay=100",
		p.nodes[0].URL(), p.nodes[1].URL())
}

// threshold is how much of a run's total is to be done before event k of so
// many: a random amount in the middle of its share.
func (p *pair) threshold(total, events, k int) int {
	share := total / (events + 1)
	return share*k + share/2 + p.random.IntN(share/2)
}

// killMaster waits for a hot slave, kills the master, returns the time of the kill when the slave serves, and starts the killed
// node again, which becomes a slave.
func (p *pair) killMaster() time.Time {
	p.t.Helper()
	killed, heir := p.nodes[p.master], p.nodes[1-p.master]
	require.NoError(p.t, heir.WaitSlave(startLimit))
	require.False(p.t, heir.Serving(), "a slave serves clients")
	if p.beforeKill != nil {
		p.beforeKill()
	}
	took, at := "", time.Now()
	require.NoError(p.t, killed.Kill())
	require.NoError(p.t, heir.WaitServing(startLimit))
	for line := range strings.Lines(heir.Log()) {
		if at := strings.Index(line, "takeoverMS="); at >= 0 {
			took = line[at:]
		}
	}
	p.t.Logf("killed %s, %s serves; %s", killed.Name(), heir.Name(), strings.TrimSpace(took))
	require.NoError(p.t, killed.Start())
	p.master = 1 - p.master
	return at
}

// both says whether both nodes are of this kind.
func (p *pair) both(kind harness.Kind) bool {
	return p.nodes[0].Kind() == kind && p.nodes[1].Kind() == kind
}

// requireSane checks what holds whatever the clients did.
func (p *pair) requireSane() {
	p.t.Helper()
	require.True(p.t, p.nodes[p.master].Running(), "the master is gone")
	for _, node := range p.nodes {
		log := node.Log()
		for _, bad := range []string{"panic:", "DATA RACE", "fatal error:"} {
			require.NotContains(p.t, log, bad)
		}
		require.False(p.t, node.Kind() == harness.Conclave && strings.Contains(log, "goroutine "), "a stack trace in the log")
	}
}
