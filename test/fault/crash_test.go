//go:build fault

package fault

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// Killed at random moments under load and started again, a single node loses
// nothing that it has acknowledged, and what a consumer had before comes again
// flagged at most. What users see: nothing but a pause.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	const kills = 20
	rng := random(t)
	n := newNode(t, "", settings{kahaDB: "journalMaxFileLength: 1mb, cleanupInterval: 300"}).serve()
	ledger := harness.NewLedger()
	l := startLoad(t, failover(n), ledger, 4, 1000)
	c := startConsumer(t, failover(n), ledger)
	for range kills {
		l.waitAcks(1 + rng.IntN(50))
		wait(time.Duration(rng.IntN(100)) * time.Millisecond)
		n.kill()
		n.again()
	}
	l.finish()
	t.Logf("%d entries were consumed meanwhile", c.stop())
	require.Zero(t, n.count("level=ERROR"), "a killed process leaves no damage")
	drain(t, n.url(), ledger)
}

// wait is for moments that are random: nothing is waited for.
func wait(d time.Duration) { <-time.After(d) }

// SIGTERM under load: exit code 0, everything acknowledged is there after a
// restart, and nothing is written once the lock is free.
func TestCleanStopUnderLoad(t *testing.T) {
	t.Parallel()
	n := newNode(t, "", settings{kahaDB: "journalMaxFileLength: 1mb"}).serve()
	ledger := harness.NewLedger()
	l := startLoad(t, failover(n), ledger, 4, 1000)
	c := startConsumer(t, failover(n), ledger)
	for range 3 {
		l.waitAcks(300)
		n.signal(syscall.SIGTERM)
		released := whenFree(t, n.dir)
		before := contents(t, n.dir)
		require.Zero(t, n.ends(), "exit code")
		after := contents(t, n.dir)
		require.Equal(t, before, after, "something was written after the lock was free at %v", released)
		require.Equal(t, 1, n.count("Conclave is shutdown"))
		require.Zero(t, n.count("level=ERROR"))
		n.again()
		require.Zero(t, n.count("level=WARN"), "a clean stop leaves nothing to repair")
	}
	l.finish()
	t.Logf("%d entries were consumed meanwhile", c.stop())
	drain(t, n.url(), ledger)
}

// whenFree waits until another could have the lock of a directory, without
// taking it.
func whenFree(t *testing.T, dir string) time.Time {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	defer f.Close()
	free := func() bool {
		held, err := heldRange(f)
		require.NoError(t, err)
		return !held
	}
	deadline := time.Now().Add(patience)
	for !free() { // without a pause, so as to look at the files at once
		require.True(t, time.Now().Before(deadline), "the lock is never free")
	}
	return time.Now()
}

// contents gives what every file of a directory holds and when it was last
// written.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	result := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		result[strings.TrimPrefix(path, dir)] = info.ModTime().String() + " " + string(sum[:])
		return nil
	}))
	return result
}
