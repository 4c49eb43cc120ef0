//go:build fault

package fault

import (
	"context"
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
	x := row{on: lawless}.begin(t)
	x.tolerant = true
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
	x.work.start(&x.work.producers, x.b.url(), "second", func(c *worker) { c.produce(x.work.producing, plain) })
	require.True(t, eventually(patience, func() bool { return slices.Contains(promises(x.history.Verify(0)), "P1") }), "nobody finds out")
	x.work.halt[0]()
	x.work.abandon()
}

// Storage that only pretends to sync loses what was confirmed when the power
// fails, and the history says so.
func TestLostWritesAreCaught(t *testing.T) {
	x := row{on: hosts}.begin(t)
	x.tolerant = true
	pretend := func(c storage.Call) storage.Fault {
		return storage.Fault{Skip: c.What == storage.Fdatasync || c.What == storage.Fsync}
	}
	x.hostA.SetFault(pretend)
	x.hostB.SetFault(pretend)
	x.work.halt[1]() // let it pile up
	x.work.join(&x.work.consumers, "consumers")
	x.work.goesOn(100)
	x.a.kill()
	x.b.kill()
	x.hostA.SetFault(nil)
	x.hostB.SetFault(nil)
	x.storage.Cut(nil)
	x.b.start()
	x.b.waitFor("port", x.b.serving)
	x.work.halt[0]()
	x.work.join(&x.work.producers, "producers")
	x.work.drain(failover(x.a, x.b))
	require.Contains(t, promises(x.history.Verify(0)), "P2")
}

// A client's error is a failure of a row.
func TestErrorsOfClientsAreCaught(t *testing.T) {
	c := &worker{ctx: context.Background(), w: &workload{x: &trial{T: t, tolerant: true}}}
	require.True(t, c.failed(os.ErrInvalid))
	require.False(t, c.failed(nil))
}
