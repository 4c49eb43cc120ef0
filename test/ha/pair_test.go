package ha

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/test/harness"
)

func TestKilledMasterIsReplacedWithinASecond(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	b := newNode(t, "b", dir).wait()
	require.False(t, harness.Listening(b.port), "a slave has an open port")
	require.Contains(t, b.text(), "broker a ", "it says who is master")

	s := newSender(t, failover(a, b))
	s.send(100)
	require.NoError(t, a.process.Kill())
	killed := time.Now()
	b.waitServing()
	took := time.Since(killed)
	s.send(100)
	t.Logf("port open after %v, next acknowledged sends after %v", took, time.Since(killed))
	require.Less(t, took, time.Second)
	require.Equal(t, 1, b.slaveLines(), "a slave says once that it is one")

	a.wait() // the killed one comes back as a slave
	require.False(t, harness.Listening(a.port))
	drain(t, failover(a, b), 200)
}

func TestCleanStopHandsOver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	b := newNode(t, "b", dir).wait()
	s := newSender(t, failover(a, b))
	s.send(50)
	a.signal(syscall.SIGTERM)
	require.Zero(t, a.ends(startLimit), "%s", a.text())
	b.waitServing()
	s.send(50)
	drain(t, failover(a, b), 100)
}

func TestSlaveEndsPromptly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	b := newNode(t, "b", dir).wait()
	b.signal(syscall.SIGTERM)
	require.Zero(t, b.ends(2*time.Second))
	require.True(t, harness.Listening(a.port))
}

// A master that was paused for longer than its lease and robbed of its lock
// meanwhile must not acknowledge what came in, and becomes a slave.
func TestPausedMasterDoesNotAcknowledge(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	s := newSender(t, a.url())
	s.send(10)
	pid := a.process.Pid()

	a.freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 2*startLimit)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- s.producer.Send(ctx, client.NewText("never acknowledged")) }()
	// The lock file is replaced: with the process alive there is no other way
	// on a local file system for a second broker to win.
	require.NoError(t, os.Remove(filepath.Join(dir, "lock")))
	b := newNode(t, "b", dir).serve()

	a.signal(syscall.SIGCONT)
	require.Error(t, <-result, "a deposed master acknowledged")
	a.waitFor("slave line", func() bool { return a.slaveLines() > 0 })
	st := a.waitRole("slave")
	require.Equal(t, pid, st.PID, "it stays the same process")
	require.False(t, harness.Listening(a.port))
	drain(t, b.url(), 10)
}

// A pause alone, with the lock untouched, costs nothing but the pause.
func TestPauseAloneKeepsTheMaster(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	s := newSender(t, a.url())
	s.send(10)
	epoch := a.waitRole("master").Epoch
	a.signal(syscall.SIGSTOP)
	time.Sleep(6 * time.Second) // longer than the lease's window
	a.signal(syscall.SIGCONT)
	s.send(10)
	require.Equal(t, epoch, a.waitRole("master").Epoch)
	drain(t, a.url(), 20)
}

func TestLostLockStartsAnewInTheSameProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	s := newSender(t, failover(a))
	s.send(10)
	before := a.waitRole("master")
	require.NoError(t, os.Remove(filepath.Join(dir, "lock")))
	a.waitFor("loss", func() bool { return strings.Contains(a.text(), "giving up being a master") })
	s.send(10)
	after := a.waitRole("master")
	require.Equal(t, before.PID, after.PID)
	require.Greater(t, after.Epoch, before.Epoch)
	drain(t, a.url(), 20)
}

func TestLostLockEndsTheProcessIfRestartIsNotAllowed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir, "  restartAllowed: false").serve()
	require.NoError(t, os.Remove(filepath.Join(dir, "lock")))
	require.Equal(t, 7, a.ends(startLimit), "%s", a.text())
}

// A producer that keeps sending while its masters are stopped and killed in
// turn loses nothing and doubles nothing.
func TestMastersChangeUnderLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	b := newNode(t, "b", dir).wait()
	s := newSender(t, failover(a, b))
	stop, done := make(chan struct{}), make(chan struct{})
	var acknowledged atomic.Int64
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				s.send(1)
				acknowledged.Add(1)
			}
		}
	}()
	master, slave := a, b
	for i := range 6 {
		slave.waitFor("slave line", func() bool { return slave.slaveLines() > 0 })
		begun := acknowledged.Load()
		master.waitFor("work", func() bool { return acknowledged.Load() >= begun+200 })
		if i%2 == 0 {
			master.signal(syscall.SIGTERM)
			require.Zero(t, master.ends(startLimit), "%s", master.text())
		} else {
			require.NoError(t, master.process.Kill())
		}
		slave.waitServing()
		require.NoError(t, os.Truncate(master.log, 0))
		master.start()
		master, slave = slave, master
	}
	close(stop)
	<-done
	t.Logf("%d messages", s.next)
	drain(t, failover(a, b), s.next)
}
