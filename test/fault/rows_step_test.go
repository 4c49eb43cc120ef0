//go:build fault

package fault

import (
	"sync/atomic"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/fault/storage"
	"github.com/conclavemq/conclave/test/harness"
)

// stepRows kill a process in the middle of what it does with the storage.
func stepRows() []row {
	return []row{
		{name: "killed at each step of a take-over", on: hosts, steps: true, set: settings{kahaDB: tinyFiles}, promise: "P2, P7, P9: 1 s", serve: 2 * time.Second,
			strike: func(x *trial) { killAtEachStep(x, false) }},
		{name: "killed at each step of a cold start", on: hosts, steps: true, set: settings{kahaDB: tinyFiles}, promise: "P2, P7, P9: 1 s", serve: 2 * time.Second,
			strike: func(x *trial) { killAtEachStep(x, true) }},
		{name: "killed while journal files are deleted and rewritten", on: hosts, promise: "P2, P7, P9: 1 s", serve: 2 * time.Second,
			set: settings{kahaDB: "journalMaxFileLength: 32kb, cleanupInterval: 50"},
			strike: func(x *trial) {
				for range 8 {
					m := x.master()
					x.work.GoesOn(20 + x.random.IntN(60))
					at := x.killAt(m, 1+x.random.IntN(4), func(c storage.Call) bool {
						return c.What == storage.Unlink || c.What == storage.Rename || c.What == storage.SyncDir
					})
					<-m.process.Done()
					at.heal()
					x.still() // the other may have served before the end is noticed here
					x.rejoin(m)
					x.served(0)
				}
			}},
	}
}

// killAtEachStep kills whoever is about to serve at its first step, at its
// second, and so on, until it serves before it comes to that step.
func killAtEachStep(x *trial, cold bool) {
	const bound = 60
	for step := 1; ; step++ {
		require.Less(x, step, bound, "it never serves")
		m := x.master()
		s := x.other(m)
		x.work.GoesOn(5)
		if cold {
			s.kill()
			m.kill()
			s = m
		}
		at := x.killAt(s, step, func(c storage.Call) bool {
			return isChange(c) || c.What == storage.Fsync || c.What == storage.Fdatasync || c.What == storage.SyncDir
		})
		started := s.count("Conclave started")
		if cold {
			s.start()
		} else {
			m.kill()
		}
		require.True(x, harness.Eventually(patience, func() bool {
			return !s.process.Running() || s.count("Conclave started") > started
		}))
		done := s.process.Running()
		at.heal()
		x.now()
		if s.process.Running() { // it came through to serving
			x.now()
			s.kill()
		}
		s.start()
		x.rejoin(x.other(s))
		x.served(0)
		if done {
			x.Logf("%d steps", step-1)
			return
		}
	}
}

// killing is a process that will die at one of its calls.
type killing struct{ host *storage.Host }

func (k killing) heal() { k.host.SetFault(nil) }

// killAt kills a node at its nth call that matches from now on; as the seed
// decides, before or after the call has taken effect.
func (x *trial) killAt(n *node, nth int, match func(storage.Call) bool) killing {
	h := x.host(n)
	done := x.random.IntN(2) == 0
	var calls atomic.Int32
	h.SetFault(func(c storage.Call) storage.Fault {
		if !match(c) || int(calls.Add(1)) < nth {
			return storage.Fault{}
		}
		_ = n.process.Signal(syscall.SIGKILL)
		if done {
			return storage.Fault{}
		}
		return storage.Fault{Err: syscall.EIO} // which nobody lives to see
	})
	return killing{h}
}

// rejoin starts a node that is dead and waits until it serves or is a slave.
func (x *trial) rejoin(n *node) {
	x.Helper()
	if n.process.Running() {
		return
	}
	before := n.count("slave mode") + n.count("Conclave started")
	n.start()
	n.waitFor("place", func() bool { return n.count("slave mode")+n.count("Conclave started") > before })
}
