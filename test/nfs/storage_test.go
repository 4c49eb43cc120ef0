//go:build nfs

package nfs

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/nfs/guest"
	"github.com/conclavemq/conclave/test/nfs/lab"
)

// A master that is cut off from the storage, while its clients reach it, is
// replaced, and neither then nor when the network is back answers anybody or
// changes a byte of what its successor writes.
func TestStorageCut(t *testing.T) {
	for _, row := range []struct {
		name  string
		lasts time.Duration
	}{
		{"1.3-leases", lab.Lease * 13 / 10},
		{"2-leases", lab.Lease * 2},
	} {
		t.Run(row.name, func(t *testing.T) { cutStorage(t, row.lasts) })
	}
}

func cutStorage(t *testing.T, lasts time.Duration) {
	s := begin(t, "")
	held := filepath.Join(lab.Mount, s.directory, "held")
	require.NoError(t, s.a.host.Call("Hold", held, &guest.None{}))
	defer func() { _ = s.a.host.Call("Release", held, &guest.None{}) }()
	holder := func() (o guest.HoldOutcome) {
		require.NoError(t, s.a.host.Call("Holder", held, &o))
		return o
	}
	require.True(t, harness.Eventually(patience, func() bool { return holder().Written > 5 }))

	fault := time.Now()
	require.NoError(t, s.a.host.Cut())
	opened := s.handover(s.b, fault, hostTarget)
	after(lasts - time.Since(fault))
	before, written := s.snapshot(), s.onDisk("held")
	require.NoError(t, s.a.host.Heal())
	healed := time.Now()

	s.a.waitFor(slaveWords, 1)
	t.Logf("the old master is a slave %.2f s after the network is back", time.Since(healed).Seconds())
	require.True(t, harness.Eventually(patience, func() bool { return holder().Error != "" }))
	o := holder()
	t.Logf("a write to a locked file, by somebody who knows of no lease: %s", o.Error)
	// Not what the client counts: it may hear only now that a write was taken before the cut.
	require.Equal(t, written, s.onDisk("held"), "the server took a deposed client's writes to a locked file")
	s.waitAcks(100)
	s.silent(s.a, opened)
	s.kept(before)
	s.finish(s.b, s.a)
}

// A server that restarts gives the master its lock back; or the master gave
// up before, and then somebody serves all the same. No time is demanded: a
// Linux client whose request comes in the grace period tries again at growing
// intervals, up to 15 s.
func TestServerRestart(t *testing.T) {
	s := begin(t, "")
	fault := time.Now()
	require.NoError(t, hosts.Server.PowerOff())
	after(2 * time.Second)
	require.NoError(t, hosts.BootServer(false))
	t.Logf("the server is back after %.2f s, grace period %v", time.Since(fault).Seconds(), lab.Lease)
	back := time.Now()
	// Masters may change until the grace period is over.
	require.True(t, harness.Eventually(patience, func() bool {
		_, a := s.witness[s.a].ackedAfter(back)
		_, b := s.witness[s.b].ackedAfter(back)
		return a || b
	}), "nobody has answered")
	t.Logf("answers again after %.2f s", time.Since(fault).Seconds())
	master, slave := s.a, s.b
	if s.b.epoch() > s.a.epoch() {
		master, slave = s.b, s.a
		slave.waitFor(slaveWords, 1)
	}
	t.Logf("%s is master, epoch %d", master.host.Name, master.epoch())
	s.finish(master, slave)
}
