//go:build mixed

package mixed

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
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
	turns  []turn
}

// turn is one take-over.
type turn struct {
	heir harness.Kind
	took time.Duration // from the kill to the heir's open port
}

// startPair starts two nodes and waits until the first serves and the other
// says that it is a slave.
func startPair(t *testing.T, kinds ...harness.Kind) *pair {
	t.Helper()
	if first, second, ok := strings.Cut(*kindsFlag, ","); ok {
		kinds = []harness.Kind{harness.Kind(first), harness.Kind(second)}
	}
	dir := t.TempDir()
	t.Cleanup(func() {
		if t.Failed() && *keepFlag != "" {
			t.Log("kept:", os.CopyFS(filepath.Join(*keepFlag, t.Name()), os.DirFS(dir)))
		}
	})
	p := &pair{t: t, random: rand.New(rand.NewPCG(lab.Seed, 0))}
	for i, name := range []string{"a", "b"} {
		p.nodes[i] = newBroker(t, kinds[i], name, dir)
		require.NoError(t, p.nodes[i].Start())
		if i == 0 {
			require.NoError(t, p.nodes[0].WaitServing(startLimit))
		}
	}
	require.NoError(t, p.nodes[1].WaitSlave(startLimit))
	return p
}

func (p *pair) serving() *harness.Broker { return p.nodes[p.master] }

func (p *pair) url() string {
	return fmt.Sprintf("failover:(%s,%s)?initialReconnectDelay=10&maxReconnectDelay=100", p.nodes[0].URL(), p.nodes[1].URL())
}

// alternate waits for a hot slave, and for what else is asked for, kills the
// master, and starts it again when the slave serves: it becomes the slave.
func (p *pair) alternate(until ...func()) {
	p.t.Helper()
	killed, heir := p.nodes[p.master], p.nodes[1-p.master]
	require.NoError(p.t, heir.WaitSlave(startLimit))
	for _, wait := range until {
		wait()
	}
	require.False(p.t, heir.Serving(), "a slave serves clients")
	require.True(p.t, killed.Running(), "the master is gone by itself")
	at := time.Now()
	require.NoError(p.t, killed.Kill())
	require.NoError(p.t, heir.WaitServing(startLimit))
	p.turns = append(p.turns, turn{heir.Kind(), time.Since(at)})
	p.t.Logf("%d: %s killed, %s serves at %d", at.UnixMilli(), killed.Kind(), heir.Kind(), time.Now().UnixMilli())
	require.NoError(p.t, killed.Start())
	p.master = 1 - p.master
}

// report prints how long the take-overs of each kind took.
func (p *pair) report() {
	for _, kind := range []harness.Kind{harness.Conclave, harness.ActiveMQ} {
		var took []time.Duration
		for _, turn := range p.turns {
			if turn.heir == kind {
				took = append(took, turn.took.Round(time.Millisecond))
			}
		}
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		p.t.Logf("HANDOVER to %s: %d, from the kill to the open port median %v, worst %v", kind, len(took), took[len(took)/2], took[len(took)-1])
	}
}

// requireSane checks what holds whatever the clients did.
func (p *pair) requireSane() {
	p.t.Helper()
	require.True(p.t, p.serving().Running(), "the master is gone")
	for _, node := range p.nodes {
		log := node.Log()
		for _, bad := range []string{"panic:", "fatal error:", "no longer able to keep the exclusive lock", "journal is damaged",
			"cannot be read", "Failed to recover", "Index corrupted", "Some journal files are missing", "lease lost"} {
			require.NotContains(p.t, strings.ReplaceAll(log, "Index corrupted. Recovering", ""), bad)
		}
	}
}
