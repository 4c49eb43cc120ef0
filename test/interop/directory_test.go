//go:build interop

package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// turn is one owner's time on a directory and how it ended.
type turn struct {
	kind   harness.Kind
	killed bool // kill -9 with a transaction open, rather than SIGTERM
}

// directory is handed from broker to broker; java/Directory.java keeps the
// account of what has to be in it.
type directory struct {
	t     *testing.T
	path  string
	state string
	turns int
	// rewritten counts the files that were compacted between turns.
	rewritten int64
}

func newDirectory(t *testing.T) *directory {
	dir := t.TempDir()
	return &directory{t: t, path: filepath.Join(dir, "kahadb"), state: filepath.Join(dir, "state")}
}

// broker configures the next owner: small files and frequent clean-ups, so
// that each turn rotates and collects.
func (d *directory) broker(kind harness.Kind) *harness.Broker {
	d.turns++
	return newBroker(d.t, harness.Options{
		Kind: kind, Name: fmt.Sprintf("turn%d", d.turns), Directory: d.path, WorkDir: filepath.Dir(d.path),
		KahaDB: map[string]string{"journalMaxFileLength": "1mb", "cleanupInterval": "1000", "checkpointInterval": "500"},
	})
}

func (d *directory) take(next turn) {
	t := d.t
	b := d.broker(next.kind)
	require.NoError(t, b.StartServing(startLimit))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	program, err := lab.Java.Start(ctx, "Directory", "do=round", "url="+b.URL(), "state="+d.state,
		fmt.Sprintf("seed=%d", lab.Seed>>1))
	require.NoError(t, err)
	for line := range program.Lines {
		t.Logf("turn %d, %s: %s", d.turns, next.kind, line)
		if !strings.HasPrefix(line, "READY") {
			continue
		}
		if next.killed {
			require.NoError(t, b.Kill())
			require.NoError(t, program.Tell(""))
		} else { // its clients go first, as before a planned stop
			require.NoError(t, program.Tell(""))
			require.NoError(t, b.Stop(30*time.Second))
		}
	}
	require.NoError(t, program.Wait(), "turn %d of %s", d.turns, next.kind)
	require.False(t, b.Running())
	logs, err := filepath.Glob(filepath.Join(d.path, "db-*.log"))
	require.NoError(t, err)
	t.Logf("turn %d left %d journal files", d.turns, len(logs))
}

// drain takes all that is left under one more owner and expects that owner to
// leave a directory that its like can open once more.
func (d *directory) drain(kind harness.Kind) {
	t := d.t
	b := d.broker(kind)
	require.NoError(t, b.StartServing(startLimit))
	lines := runJava(t, time.Minute, "Directory", "do=drain", "url="+b.URL(), "state="+d.state, "seed=0")
	t.Logf("drained by %s: %v", kind, lines)
	require.NoError(t, b.Stop(30*time.Second))
}

// other is the broker that takes turns with the one under test. With
// -broker=activemq that one plays both parts, which tests the account itself.
const other = harness.ActiveMQ

func TestDirectoryOfActiveMQStopped(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	d.take(turn{kind: other})
	d.take(turn{kind: other})
	d.drain(lab.Kind)
}

func TestDirectoryOfActiveMQKilled(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	d.take(turn{kind: other, killed: true})
	d.take(turn{kind: other, killed: true})
	d.drain(lab.Kind)
}

func TestDirectoryTakenByActiveMQAfterStop(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	d.take(turn{kind: lab.Kind})
	d.take(turn{kind: lab.Kind})
	d.drain(other)
}

func TestDirectoryTakenByActiveMQAfterKill(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	d.take(turn{kind: lab.Kind, killed: true})
	d.take(turn{kind: lab.Kind, killed: true})
	d.drain(other)
}

// TestDirectoryRestarted keeps the directory with the broker under test.
func TestDirectoryRestarted(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	for _, killed := range []bool{false, true, true, false} {
		d.take(turn{lab.Kind, killed})
	}
	d.drain(lab.Kind)
}

// TestDirectoryAlternates hands one directory to and fro.
func TestDirectoryAlternates(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	for _, next := range []turn{
		{other, false}, {lab.Kind, false}, {other, true}, {lab.Kind, true}, {other, true}, {lab.Kind, false}, {other, false},
	} {
		d.take(next)
	}
	d.drain(lab.Kind)
}

// TestLockExcludes starts each broker on a directory that the other holds:
// it waits as a slave, opens no port, and serves when the holder is killed.
func TestLockExcludes(t *testing.T) {
	t.Parallel()
	p := startPair(t, other, lab.Kind)
	for range 3 {
		p.killMaster()
	}
	require.NoError(t, p.nodes[1-p.master].WaitSlave(startLimit))
	require.False(t, p.nodes[1-p.master].Serving())
	_, err := os.Stat(filepath.Join(p.nodes[0].Directory(), "lock"))
	require.NoError(t, err)
}

// TestFailoverLedgerMixed fails over between ActiveMQ and the broker under
// test, with one directory and clients that know both.
func TestFailoverLedgerMixed(t *testing.T) {
	t.Parallel()
	ledger{messages: 20_000, rate: 2000, kills: 4, mode: "auto"}.run(t, startPair(t, other, lab.Kind))
}
