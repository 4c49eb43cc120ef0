//go:build nfs

package nfs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/nfs/guest"
	"github.com/conclavemq/conclave/test/nfs/lab"
)

// A process that is killed is replaced within a second: its kernel gives the
// locks back at once.
func TestKill(t *testing.T) {
	s := begin(t, "")
	master, slave := s.a, s.b
	for range 4 {
		fault := time.Now()
		master.kill()
		s.handover(slave, fault, time.Second)
		require.NoError(t, master.end())
		slaves := master.count(slaveWords)
		master.start()
		master.waitFor(slaveWords, slaves+1)
		master, slave = slave, master
		s.waitAcks(60)
	}
	s.finish(master, slave)
}

// The file that the master writes is locked, as the server sees it: that is
// what has a deposed host's writes refused.
func TestJournalIsLocked(t *testing.T) {
	s := begin(t, "")
	locked := func() (n int) {
		var locks []guest.FileLock
		require.NoError(t, hosts.Server.Call("Locks", guest.None{}, &locks))
		for name, file := range s.snapshot() {
			for _, l := range locks {
				if l.Inode == file.inode && l.Mode == "WRITE" && l.Kind != "DELEG" {
					t.Logf("%s: %s %s", name, l.Kind, l.Mode)
					n++
				}
			}
		}
		return n
	}
	require.Positive(t, locked(), "no journal file is locked on the server")
	s.finish(s.a, s.b)
}

// A clock that jumps by an hour, forth and back, on either host, changes
// nothing: no lease ends by it and no lock is lost or won.
func TestClockStep(t *testing.T) {
	s := begin(t, "")
	for _, n := range []*node{s.a, s.b} {
		for _, step := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour} {
			var before guest.Clocks
			require.NoError(t, n.host.Call("StepClock", step, &before))
			began := time.Now()
			s.waitAcks(40)
			after(2500*time.Millisecond - time.Since(began)) // two proofs of the lock
			var now guest.Clocks
			require.NoError(t, n.host.Call("StepClock", time.Duration(0), &now))
			require.InDelta(t, step.Seconds(), (now.Wall.Sub(before.Wall) - (now.Boot - before.Boot)).Seconds(), 5, "the clock was stepped")
		}
	}
	require.Equal(t, 1, s.a.count(masterWords)+s.b.count(masterWords), "mastership changed")
	require.NoError(t, s.b.host.Call("StepClock", -time.Hour, &guest.Clocks{}))
	fault := time.Now()
	s.a.kill()
	s.handover(s.b, fault, time.Second)
	require.NoError(t, s.a.end())
	s.a.start()
	s.a.waitFor(slaveWords, 1)
	s.finish(s.b, s.a)
	require.NoError(t, s.b.host.Call("StepClock", time.Hour, &guest.Clocks{}))
}

// hostTarget is what the loss of a host may cost: the server has to wait for
// its lease.
const hostTarget = lab.Lease + 2*time.Second
