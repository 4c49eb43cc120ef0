//go:build fault

package fault

import (
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
)

// robbed is how long the service may stand still when the lock file is not
// the master's any more: it has to notice, and the next one to be sure that it
// has.
const robbed = leaseWindow + 3*time.Second

// lockRows are what happens to the files that elect a master.
func lockRows() []row {
	rob := func(do func(x *trial)) func(x *trial) {
		return func(x *trial) {
			x.now()
			do(x)
			x.a.waitFor("silence", func() bool { return !x.a.listening() })
			require.Less(x, time.Since(x.since), leaseWindow, "the old master is silent within its window")
		}
	}
	lostOnce := func(x *trial) {
		require.Equal(x, 1, x.a.count("giving up being a master"))
		require.True(x, x.a.process.Running(), "it stays as a slave")
	}
	return []row{
		{name: "lock file deleted", waits: true, promise: "P1", serve: robbed, after: lostOnce,
			strike: rob(func(x *trial) { require.NoError(x, os.Remove(filepath.Join(x.a.dir, "lock"))) })},
		{name: "lock file replaced", waits: true, promise: "P1", serve: robbed, after: lostOnce,
			strike: rob(func(x *trial) {
				require.NoError(x, os.WriteFile(filepath.Join(x.a.dir, "new"), []byte("12345678"), 0o644))
				require.NoError(x, os.Rename(filepath.Join(x.a.dir, "new"), filepath.Join(x.a.dir, "lock")))
			})},
		{name: "epoch file deleted", waits: true, promise: "P1", serve: robbed, after: lostOnce,
			strike: rob(func(x *trial) { require.NoError(x, os.Remove(filepath.Join(x.a.dir, "conclave.epoch"))) })},
		{name: "directory renamed away and back", waits: true, promise: "P2: nobody begins an empty one", serve: 3 * time.Second,
			strike: func(x *trial) {
				away := x.a.dir + ".away"
				require.NoError(x, os.Rename(x.a.dir, away))
				x.a.waitFor("silence", func() bool { return !x.a.listening() })
				wait(3 * time.Second) // time to do something wrong
				require.NoDirExists(x, x.a.dir)
				require.False(x, x.a.listening() || x.b.listening(), "somebody serves nothing")
				x.now()
				require.NoError(x, os.Rename(away, x.a.dir))
			},
			after: bothThere},
		{name: "a second broker where locks do not exclude", on: lawless, waits: true, promise: "P1: it finds out and waits", serve: time.Second,
			strike: func(x *trial) {
				x.still()
				require.NotZero(x, x.b.count("locks do not exclude"))
			},
			after: goesOnInItsEpoch},
		{name: "two masters where locks do not exclude", on: lawless, waits: true, impatient: true, promise: "P1: the first is silent before the second serves", serve: 3*leaseWindow + time.Second,
			strike: func(x *trial) {
				x.now()
				heal := x.hostA.Hang(anyCall) // it cannot say that it lives
				defer heal()
				x.b.waitFor("port", x.b.serving)
				x.served(0)
				heal()
				x.a.waitFor("sight of the other", func() bool { return x.a.count("locks do not exclude") > 0 })
				x.a.waitSlave(1)
				require.False(x, x.a.listening(), "two serve")
			}},
		{name: "the master dies where locks do not exclude", on: lawless, waits: true, promise: "P9: after its window", serve: 3 * time.Second,
			strike: func(x *trial) {
				wait(time.Duration(x.random.Int64N(int64(time.Second)))) // at any moment of the slave's looking for signs of life
				x.now()
				x.a.kill()
			}},
		{name: "two start at once where locks do not exclude", on: lawless, waits: true, promise: "P1: one serves", serve: 4 * leaseWindow,
			strike: func(x *trial) {
				x.a.kill()
				x.b.kill()
				x.now()
				x.b.start()
				x.a.start()
				x.served(0)
				wait(leaseWindow)
				require.NotEqual(x, x.a.listening(), x.b.listening(), "one serves")
			}},
	}
}

// bothThere says that no process gave up.
func bothThere(x *trial) {
	require.True(x, x.a.process.Running() && x.b.process.Running(), "both go on")
}
