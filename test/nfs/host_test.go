//go:build nfs

package nfs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// A host without power is replaced when its lease on the server ends.
func TestPowerOff(t *testing.T) {
	s := begin(t, "")
	fault := time.Now()
	require.NoError(t, s.a.host.PowerOff())
	opened := s.handover(s.b, fault, hostTarget)
	s.silent(s.a, opened)
	require.NoError(t, s.power(s.a.host))
	s.a.start()
	s.a.waitFor(slaveWords, 1)
	s.finish(s.b, s.a)
}

// A host that reboots at once is known to the server, which drops what it held
// before; whichever node comes first serves.
func TestReboot(t *testing.T) {
	s := begin(t, "")
	fault := time.Now()
	require.NoError(t, s.power(s.a.host))
	s.a.start()
	t.Logf("back after %.2f s", time.Since(fault).Seconds())
	require.True(t, harness.Eventually(patience, func() bool {
		_, a := s.witness[s.a].ackedAfter(fault)
		_, b := s.witness[s.b].ackedAfter(fault)
		return a || b
	}), "nobody has answered")
	master, slave := s.b, s.a
	if s.b.epoch() == 0 {
		master, slave = s.a, s.b
	}
	s.handover(master, fault, hostTarget)
	slave.waitFor(slaveWords, 1)
	s.finish(master, slave)
}

// A host that stands still past its lease is replaced. When it goes on it
// answers nobody, changes nothing and becomes a slave.
func TestPause(t *testing.T) {
	s := begin(t, "")
	fault := time.Now()
	require.NoError(t, s.a.host.Pause())
	opened := s.handover(s.b, fault, hostTarget)
	s.waitAcks(100)
	before := s.snapshot()
	require.NoError(t, s.a.host.Resume())
	resumed := time.Now()
	t.Logf("paused for %.2f s", resumed.Sub(fault).Seconds())
	s.a.waitFor(slaveWords, 1)
	t.Logf("the old master is a slave %.2f s after it went on", time.Since(resumed).Seconds())
	s.waitAcks(100)
	s.silent(s.a, opened)
	s.kept(before)
	s.finish(s.b, s.a)
}
