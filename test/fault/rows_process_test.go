//go:build fault

package fault

import (
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// processRows are what happens to processes.
func processRows() []row {
	return []row{
		{name: "master killed", promise: "P9: 1 s", serve: time.Second,
			strike: func(x *trial) {
				x.now()
				x.a.kill()
			},
			after: func(x *trial) { require.True(x, x.b.listening()) }},
		{name: "slave killed", promise: "P8, P9: nobody notices", serve: 500 * time.Millisecond,
			strike: func(x *trial) {
				x.still()
				x.b.kill()
			},
			after: goesOnInItsEpoch},
		{name: "both killed, then started", promise: "P2, P9: 1 s", serve: time.Second,
			strike: func(x *trial) {
				x.b.kill()
				x.a.kill()
				x.now()
				x.b.start()
				x.a.start()
			}},
		{name: "masters killed again and again", promise: "P2, P9: 1 s", serve: time.Second,
			strike: func(x *trial) {
				for range 8 {
					x.work.GoesOn(1 + x.random.IntN(60))
					m := x.master()
					x.now()
					m.kill()
					m.start()
				}
			}},
		{name: "master stopped for less than its window", waits: true, promise: "no fail-over, no loss", serve: 500 * time.Millisecond,
			strike: func(x *trial) {
				x.a.freeze()
				wait(leaseWindow * 3 / 10)
				x.still()
				x.a.signal(syscall.SIGCONT)
			},
			after: goesOnInItsEpoch},
		{name: "master stopped for longer than its window, lock kept", waits: true, promise: "P1: silent, then itself again", serve: 2 * time.Second,
			strike: func(x *trial) {
				x.a.freeze()
				for range 14 {
					wait(leaseWindow / 10)
					require.False(x, x.b.listening(), "the slave serves beside a stopped master")
				}
				x.still()
				x.a.signal(syscall.SIGCONT)
			},
			after: goesOnInItsEpoch},
		{name: "host paused, its locks given away, and woken", on: hosts, waits: true, impatient: true, promise: "P1: silent from the first instruction", serve: 5 * time.Second,
			strike: func(x *trial) {
				x.a.freeze()
				wait(leaseWindow) // what comes to an end at the server, after the master's own window
				x.now()
				x.hostA.Revoke()
				x.served(0)
				x.b.waitFor("port", x.b.serving)
				x.work.GoesOn(30)
				woken := time.Now()
				x.a.signal(syscall.SIGCONT)
				x.a.waitSlave(1)
				x.work.GoesOn(50)
				require.Empty(x, x.hostA.Changes(woken), "a deposed master wrote")
			}},
		{name: "master out of memory", promise: "P9: 1 s after its end, which a crowd brings about", serve: 2 * time.Second,
			strike: func(x *trial) {
				x.a.mayCrash = true
				require.NoError(x, unix.Prlimit(x.a.process.Pid(), unix.RLIMIT_AS, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}, nil))
				x.now() // the other may serve before the end is noticed here
				crowd := x.a.crowd(200)
				<-x.a.process.Done()
				for _, c := range crowd {
					_ = c.Close()
				}
			}},
		{name: "master out of descriptors", waits: true, promise: "goes on; newcomers when there is room", serve: 500 * time.Millisecond,
			strike: func(x *trial) {
				limit := uint64(x.a.descriptors() + 20)
				require.NoError(x, unix.Prlimit(x.a.process.Pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil))
				x.still()
				crowd := x.a.crowd(100)
				x.a.waitLog("could not accept connection")
				wait(leaseWindow + time.Second) // the lock is proven without a new descriptor
				x.work.GoesOn(100)
				for _, c := range crowd {
					_ = c.Close()
				}
				newSender(x.T, failover(x.a), newLedger(), "late").sendAll(x.T, 10)
			},
			after: goesOnInItsEpoch},
		{name: "started twice with one configuration", promise: "P1: the second waits, and serves on the same port", serve: time.Second,
			strike: func(x *trial) {
				twin := x.a.twin()
				twin.start().waitSlave(1)
				x.work.GoesOn(30)
				x.b.kill()
				x.now()
				x.a.kill()
				x.a.process = twin.process
			}},
		{name: "started while it stops", promise: "P9: 1 s", serve: time.Second,
			strike: func(x *trial) {
				x.b.kill()
				x.now()
				twin := x.a.twin()
				x.a.signal(syscall.SIGTERM)
				twin.start()
				require.Zero(x, x.a.ends())
				x.a.process = twin.process
			}},
	}
}

// goesOnInItsEpoch says that the first master has served all along.
func goesOnInItsEpoch(x *trial) {
	require.Equal(x, 1, x.a.count("Conclave started"), "it served again")
	require.Zero(x, x.a.count("level=ERROR"))
	require.False(x, x.b.process.Running() && x.b.listening(), "two serve")
	if x.hostB != nil {
		require.Empty(x, x.hostB.Changes(x.joined), "P8: a slave changed something")
	}
}
