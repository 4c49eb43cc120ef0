//go:build fault

package fault

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/fault/storage"
	"github.com/conclavemq/conclave/test/harness"
)

func promises(wrong []harness.Violation) (names []string) {
	for _, v := range wrong {
		names = append(names, v.Promise)
	}
	return names
}

// The table must be able to fail: storage that shows two masters an old lock
// file and an old epoch, and keeps neither out, has both serve, and the history
// says so.
func TestTwoMastersAreCaught(t *testing.T) {
	// Large files, which nobody collects: the first master would find out at its
	// next change of files that the second has taken them.
	x := row{on: lawless, set: settings{kahaDB: "journalMaxFileLength: 32mb, cleanupInterval: 600000"}}.begin(t)
	x.work.Tolerate()
	epoch, err := os.ReadFile(filepath.Join(x.a.dir, "conclave.epoch"))
	require.NoError(t, err)
	x.hostA.SetFault(func(c storage.Call) storage.Fault {
		switch {
		case isLock(c):
			return storage.Fault{Private: true}
		case c.What == storage.Read && isEpoch(c):
			return storage.Fault{Data: epoch}
		}
		return storage.Fault{}
	})
	x.b.waitFor("port", x.b.serving)
	x.work.AddProducer(x.b.url(), "second")
	require.True(t, harness.Eventually(patience, func() bool { return slices.Contains(promises(x.history.Verify(0)), "P1") }), "nobody finds out")
	x.work.Abandon()
}

// Storage that only pretends to sync loses what was confirmed when the power
// fails, and the history says so.
func TestLostWritesAreCaught(t *testing.T) {
	x := row{on: hosts}.begin(t)
	x.work.Tolerate()
	pretend := func(c storage.Call) storage.Fault {
		return storage.Fault{Skip: c.What == storage.Fdatasync || c.What == storage.Fsync}
	}
	x.hostA.SetFault(pretend)
	x.hostB.SetFault(pretend)
	x.work.StopConsumers() // let it pile up
	x.work.GoesOn(100)
	x.a.kill()
	x.b.kill()
	x.hostA.SetFault(nil)
	x.hostB.SetFault(nil)
	x.storage.Cut(nil)
	x.b.start()
	x.b.waitFor("port", x.b.serving)
	x.work.StopProducers()
	x.work.Drain(failover(x.a, x.b))
	require.Contains(t, promises(x.history.Verify(0)), "P2")
}
