//go:build fault

package fault

import (
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/fault/storage"
)

// tinyFiles has every kind of call happen several times a second.
const tinyFiles = "journalMaxFileLength: 64kb, cleanupInterval: 300"

func anyCall(storage.Call) bool { return true }

func isJournal(c storage.Call) bool {
	return strings.HasPrefix(c.Name, "db-") || strings.HasPrefix(c.Old, "db-")
}

func isLock(c storage.Call) bool { return c.Name == "lock" }

func isEpoch(c storage.Call) bool { return strings.HasPrefix(c.Name, "conclave.epoch") }

func is(what string, of func(storage.Call) bool) func(storage.Call) bool {
	return func(c storage.Call) bool { return c.What == what && of(c) }
}

// injection makes calls of a host fail.
type injection struct {
	hits    atomic.Int32 // calls that failed
	retried atomic.Int32 // syncs of a file whose sync had failed
}

func inject(h *storage.Host, match func(storage.Call) bool, err syscall.Errno) *injection {
	i := &injection{}
	var failed atomic.Pointer[string]
	h.SetFault(func(c storage.Call) storage.Fault {
		if c.What == storage.Fdatasync || c.What == storage.Fsync {
			if name := failed.Load(); name != nil && *name == c.Name && isJournal(c) {
				i.retried.Add(1)
			}
		}
		if !match(c) {
			return storage.Fault{}
		}
		if c.What == storage.Fdatasync || c.What == storage.Fsync {
			failed.Store(&c.Name)
		}
		i.hits.Add(1)
		return storage.Fault{Err: err}
	})
	return i
}

// storageRows are what storage does to those who trust it.
func storageRows() []row {
	rows := append(failingRows(), startRows()...)
	return append(append(rows, hangingRows()...), cutRows()...)
}

// failingRows are calls of a serving master that fail. On the journal that is
// final; a lock that cannot be proven ends with its window and grace.
func failingRows() (rows []row) {
	unproven := 2*leaseWindow + 3*time.Second
	for _, call := range []struct {
		what  string
		on    string
		match func(storage.Call) bool
		serve time.Duration
	}{
		{storage.Write, "the journal", isJournal, 2 * time.Second},
		{storage.Fdatasync, "the journal", isJournal, 2 * time.Second},
		{storage.Rename, "the journal", isJournal, 3 * time.Second},
		{storage.Close, "the journal", isJournal, 3 * time.Second},
		{storage.Create, "the journal", isJournal, 3 * time.Second},
		{storage.Fallocate, "the journal", isJournal, 3 * time.Second},
		{storage.SyncDir, "the directory", anyCall, 3 * time.Second},
		{storage.Write, "the lock file", isLock, unproven},
		{storage.Fdatasync, "the lock file", isLock, unproven},
		{storage.Lock, "the lock file", isLock, unproven},
		{storage.Stat, "the lock file", isLock, unproven},
		{storage.Open, "the epoch file", isEpoch, unproven},
		{storage.Read, "the epoch file", isEpoch, unproven},
	} {
		rows = append(rows, row{
			name: "EIO on " + call.what + " of " + call.on, on: hosts, waits: true, impatient: true,
			set: settings{kahaDB: tinyFiles}, serve: call.serve, promise: "P1, P2: final, the other serves",
			strike: func(x *trial) {
				x.now()
				i := inject(x.hostA, is(call.what, call.match), syscall.EIO)
				x.served(call.serve)
				x.hostA.SetFault(nil)
				require.NotZero(x, i.hits.Load(), "no call failed")
				require.Zero(x, i.retried.Load(), "a failed sync was tried again")
				x.a.waitSlave(1)
			},
			after: func(x *trial) {
				bothThere(x)
				require.Equal(x, 1, x.a.count("Conclave started"))
			},
		})
	}
	return rows
}

// startRows are calls that fail while a slave takes over. It gives the lock
// back, and another serves.
func startRows() (rows []row) {
	for _, call := range []struct {
		what  string
		on    string
		match func(storage.Call) bool
	}{
		{storage.List, "the directory", anyCall},
		{storage.Read, "the journal", isJournal},
		{storage.Open, "the journal", isJournal},
		{storage.Create, "the journal", isJournal},
		{storage.Write, "the journal", isJournal},
		{storage.Fdatasync, "the journal", isJournal},
		{storage.Rename, "the journal", isJournal},
		{storage.SyncDir, "the directory", anyCall},
		{storage.Write, "the lock file", isLock},
		{storage.Fsync, "the epoch file", isEpoch},
		{storage.Rename, "the epoch file", isEpoch},
	} {
		rows = append(rows, row{
			name: "EIO on " + call.what + " of " + call.on + " at take-over", on: hosts, waits: true,
			set: settings{kahaDB: smallFiles}, serve: 3 * time.Second, promise: "P9: the lock is given back, another serves",
			strike: func(x *trial) {
				i := inject(x.hostB, is(call.what, call.match), syscall.EIO)
				x.a.kill()
				x.b.waitFor("fault", func() bool { return i.hits.Load() > 0 })
				x.now()
				x.a.start()
				x.served(0)
				x.hostB.SetFault(nil)
			},
			after: func(x *trial) {
				bothThere(x)
				require.True(x, x.a.listening() && !x.b.listening())
			},
		})
	}
	return rows
}

// stall is how long storage hangs.
const stall = 45 * time.Second

// hangingRows are calls that do not come back for 45 s.
func hangingRows() []row {
	// silent waits until clients have been let go, within window and grace.
	silent := func(x *trial, began time.Time) {
		x.a.waitFor("silence", func() bool { return !x.a.listening() })
		require.Less(x, time.Since(began), 2*leaseWindow+2*time.Second, "clients are let go")
	}
	hang := func(match func(storage.Call) bool, both bool) func(x *trial) {
		return func(x *trial) {
			began := time.Now()
			heal := []func(){x.hostA.Hang(match)}
			if both {
				heal = append(heal, x.hostB.Hang(match))
			}
			defer func() {
				for _, h := range heal {
					h()
				}
			}()
			silent(x, began)
			quiet := time.Now()
			for time.Since(began) < stall {
				wait(stall / 50)
				require.False(x, x.a.listening() || x.b.listening(), "somebody serves without storage")
			}
			require.Zero(x, x.history.Answers(quiet), "somebody answers without storage")
			x.now()
		}
	}
	back := func(x *trial) {
		bothThere(x)
		require.False(x, x.other(x.master()).listening(), "two serve")
	}
	return []row{
		{name: "all storage hangs for 45 s", on: hosts, waits: true, impatient: true, promise: "P1, P2: silence, then one serves",
			serve: 8 * time.Second, strike: hang(anyCall, true), after: back},
		{name: "storage of the master hangs for 45 s, its lock kept", on: hosts, waits: true, impatient: true, promise: "P1, P2: silence, then one serves",
			serve: 8 * time.Second, strike: hang(anyCall, false), after: back},
		{name: "syncs of the master hang for 45 s", on: hosts, waits: true, impatient: true, promise: "P1, P2: silence, then one serves",
			serve: 8 * time.Second, strike: hang(func(c storage.Call) bool { return c.What == storage.Fdatasync || c.What == storage.Fsync }, false), after: back},
		{name: "the lock file hangs for 45 s", on: hosts, waits: true, impatient: true, promise: "P1, P2: silence, then one serves",
			serve: 8 * time.Second, strike: hang(isLock, false), after: back},
		{name: "storage of the master hangs for 45 s, its lock given away", on: hosts, waits: true, impatient: true, promise: "P1, P9: the other serves, the first stays silent",
			serve: 4 * time.Second,
			strike: func(x *trial) {
				began := time.Now()
				heal := x.hostA.Hang(anyCall)
				defer heal()
				silent(x, began)
				wait(stall/2 - time.Since(began))
				x.now()
				x.hostA.Revoke()
				x.served(0)
				wait(stall - time.Since(began))
				healed := time.Now()
				heal()
				x.a.waitSlave(1)
				for _, c := range x.hostA.Changes(healed) {
					require.Equal(x, "lock", c.Name, "a deposed master wrote")
				}
			},
			after: bothThere},
		{name: "storage of the master hangs for less than its window", on: hosts, waits: true, promise: "goes on",
			serve: time.Second,
			strike: func(x *trial) {
				heal := x.hostA.Hang(anyCall)
				defer heal()
				wait(leaseWindow * 3 / 5)
				x.still()
				heal()
			},
			after: goesOnInItsEpoch},
	}
}

// cutRows are power failures: what was not synced is gone.
func cutRows() (rows []row) {
	cut := func(x *trial) {
		x.work.GoesOn(30 + x.random.IntN(60))
		x.a.kill()
		x.b.kill()
		random := x.random
		if x.random.IntN(2) == 0 {
			random = nil
		}
		x.storage.Cut(random)
		x.now()
		x.b.start()
		x.b.waitFor("port", x.b.serving)
		x.a.start()
	}
	return []row{
		{name: "power fails for both, unsynced data is lost", on: hosts, promise: "P2", serve: 8 * time.Second, strike: cut},
		{name: "power fails again and again while files change", on: hosts, set: settings{kahaDB: tinyFiles}, promise: "P2, P7", serve: 8 * time.Second,
			strike: func(x *trial) {
				for range 6 {
					cut(x)
					x.served(8 * time.Second)
				}
			}},
	}
}
