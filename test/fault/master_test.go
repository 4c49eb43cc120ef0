//go:build fault

package fault

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// leaseWindow is how long a lease stays valid after a proof.
const leaseWindow = 5 * time.Second

// A master that is stopped for longer than its lease is valid still has the
// kernel's lock: the slave waits, and when the master goes on, it goes on as
// master of the same epoch. What came in meanwhile is acknowledged only after
// the lease has been proven again.
func TestMasterStoppedBeyondItsLease(t *testing.T) {
	t.Parallel()
	a := newNode(t, "", settings{}).serve()
	b := newNode(t, a.dir, settings{name: "b"}).start().waitSlave(1)
	ledger := harness.NewLedger()
	l := startLoad(t, failover(a, b), ledger, 3, 512)
	c := startConsumer(t, failover(a, b), ledger)
	l.waitAcks(100)
	epoch := a.epoch()

	a.freeze()
	before := ledger.Acks()
	for range 15 {
		wait(leaseWindow / 10)
		require.False(t, b.listening(), "the slave serves beside a stopped master")
	}
	require.LessOrEqual(t, ledger.Acks(), before+3, "answers that were under way")
	a.signal(syscall.SIGCONT)
	l.waitAcks(100)
	l.finish()
	t.Logf("%d entries were consumed meanwhile", c.stop())
	require.Equal(t, epoch, a.epoch())
	require.Equal(t, 1, a.count("Conclave started"))
	require.False(t, b.listening())
	require.Zero(t, a.count("level=ERROR"))
	drain(t, failover(a, b), ledger)
}

// The lock file is deleted under a running master and a slave starts, which
// wins the lock of a new file. It waits until the old master must have
// noticed; that falls silent within its window and comes back as a slave.
// Nothing is acknowledged by two, nothing is lost.
func TestTwoMastersForced(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		rob  func(t *testing.T, dir string)
	}{
		{"lock deleted", func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "lock"))) }},
		{"lock replaced", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), []byte("12345678"), 0o644))
			require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "lock")))
		}},
		{"lock and epoch deleted", func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "lock")))
			require.NoError(t, os.Remove(filepath.Join(dir, "conclave.epoch")))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := newNode(t, "", settings{}).serve()
			b := newNode(t, a.dir, settings{name: "b"})
			ledger := harness.NewLedger()
			l := startLoad(t, failover(a, b), ledger, 3, 512)
			c := startConsumer(t, failover(a, b), ledger)
			l.waitAcks(100)
			epoch := a.epoch()

			row.rob(t, a.dir)
			robbed := time.Now()
			b.start()
			a.waitFor("silence", func() bool { return !a.listening() })
			silent := time.Since(robbed)
			require.Less(t, silent, leaseWindow)
			require.False(t, b.listening(), "two masters")
			a.waitSlave(1)
			b.waitFor("port", b.serving)
			t.Logf("the old master fell silent after %v, the new one served after %v", silent, time.Since(robbed))
			l.waitAcks(100)
			l.finish()
			t.Logf("%d entries were consumed meanwhile", c.stop())
			require.Greater(t, b.epoch(), epoch)
			require.False(t, a.listening())
			require.True(t, a.process.Running(), "it stays as a slave")
			require.Equal(t, 1, a.count("giving up being a master"))
			drain(t, failover(a, b), ledger)
		})
	}
}

// A stopped master that has lost its lock meanwhile must not acknowledge what
// it finds in its sockets when it goes on.
func TestDeposedWhileStopped(t *testing.T) {
	t.Parallel()
	a := newNode(t, "", settings{}).serve()
	b := newNode(t, a.dir, settings{name: "b"})
	ledger := harness.NewLedger()
	s := newSender(t, a.url(), ledger, "old")
	s.sendAll(t, 50)
	a.freeze()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- s.send(ctx) }()
	require.NoError(t, os.Remove(filepath.Join(a.dir, "lock")))
	b.serve()
	newSender(t, b.url(), ledger, "new").sendAll(t, 50)
	a.signal(syscall.SIGCONT)
	require.Error(t, <-answer, "a deposed master has acknowledged")
	a.waitSlave(1)
	drain(t, b.url(), ledger)
	require.Equal(t, 101, ledger.Tries())
	require.Equal(t, 100, ledger.Deliveries(), "what was not acknowledged does not appear")
}
