//go:build fault

package fault

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/fault/storage"
)

// spaceRows are storage that takes no more, or only part of it. No client gets
// an error, and no broker needs a restart.
func spaceRows() []row {
	noRestart := func(x *trial) {
		require.Equal(x, 1, x.a.count("Conclave started"), "no restart was needed")
		require.Zero(x, x.a.count("journal has failed"))
		require.False(x, x.b.listening())
	}
	goesOn := func(x *trial) {
		noRestart(x)
		require.Zero(x, x.work.Refused(), "a client was refused")
	}
	var shortened atomic.Int32
	return []row{
		{name: "storage full", on: hosts, waits: true, set: settings{kahaDB: tinyFiles}, promise: "producers wait, then go on", serve: 2 * time.Second, after: goesOn,
			strike: func(x *trial) {
				x.storage.SetCapacity(x.storage.Used())
				x.a.waitLog(fullLine)
				wait(3 * time.Second)
				x.still()
				x.storage.SetCapacity(0)
			}},
		{name: "storage full again and again", on: hosts, waits: true, set: settings{kahaDB: tinyFiles}, promise: "producers wait, then go on", serve: 2 * time.Second, after: goesOn,
			strike: func(x *trial) {
				for n := range 5 {
					x.work.GoesOn(30 + x.random.IntN(100))
					x.storage.SetCapacity(x.storage.Used() + x.random.Int64N(40<<10))
					x.a.waitFor("full storage", func() bool { return x.a.count(fullLine) > n })
					wait(time.Duration(x.random.Int64N(int64(time.Second))))
					x.still()
					x.storage.SetCapacity(0)
					x.served(0)
				}
			}},
		{name: "killed while storage is full", on: hosts, waits: true, set: settings{kahaDB: tinyFiles}, promise: "P2, P9: the other serves consumers, then all", serve: 3 * time.Second,
			strike: func(x *trial) {
				x.storage.SetCapacity(x.storage.Used())
				x.a.waitLog(fullLine)
				x.a.kill()
				x.b.waitFor("port", x.b.serving)
				x.still() // the other may have confirmed acknowledgements already
				x.storage.SetCapacity(0)
			}},
		{name: "writes end halfway with ENOSPC", on: hosts, waits: true, promise: "producers wait, then go on", serve: 2 * time.Second, after: noRestart,
			strike: func(x *trial) {
				x.hostA.SetFault(func(c storage.Call) storage.Fault {
					switch {
					case c.What != storage.Write || !isJournal(c):
						return storage.Fault{}
					case c.Size > 100:
						return storage.Fault{Short: c.Size / 2}
					}
					return storage.Fault{Err: syscall.ENOSPC}
				})
				wait(2 * time.Second)
				x.still()
				x.hostA.SetFault(nil)
			}},
		{name: "short writes", on: hosts, waits: true, promise: "nobody notices", serve: time.Second,
			strike: func(x *trial) {
				x.still()
				x.hostA.SetFault(func(c storage.Call) storage.Fault {
					if c.What == storage.Write && isJournal(c) && c.Size > 1 {
						shortened.Add(1)
						return storage.Fault{Short: 1 + c.Size/3}
					}
					return storage.Fault{}
				})
				x.work.GoesOn(200)
				x.hostA.SetFault(nil)
				require.NotZero(x, shortened.Load())
			},
			after: goesOnInItsEpoch},
		{name: "storage turns read-only for a while", on: hosts, waits: true, impatient: true, promise: "P1, P2: silence, then one serves", serve: 5 * time.Second, after: bothThere,
			strike: func(x *trial) {
				readOnly := func(c storage.Call) storage.Fault {
					if isChange(c) {
						return storage.Fault{Err: syscall.EROFS}
					}
					return storage.Fault{}
				}
				x.hostA.SetFault(readOnly)
				x.hostB.SetFault(readOnly)
				x.a.waitFor("silence", func() bool { return !x.a.listening() })
				wait(3 * time.Second)
				require.False(x, x.a.listening() || x.b.listening())
				x.now()
				x.hostA.SetFault(nil)
				x.hostB.SetFault(nil)
			}},
		{name: "ext4 remounts itself read-only, is mounted anew", on: loop, waits: true, impatient: true, promise: "P1, P2: silence, then one serves", serve: 5 * time.Second, after: bothThere,
			strike: func(x *trial) {
				x.volume.breakDown()
				x.a.waitFor("silence", func() bool { return !x.a.listening() })
				wait(2 * time.Second)
				require.False(x, x.a.listening() || x.b.listening())
				x.now()
				x.volume.mountAnew()
			}},
	}
}

func isChange(c storage.Call) bool {
	switch c.What {
	case storage.Create, storage.Write, storage.Fallocate, storage.Truncate, storage.Rename, storage.Unlink, storage.Mkdir:
		return true
	}
	return false
}

// loopVolume makes an ext4 of its own, which goes read-only at its first
// error.
func loopVolume(x *trial) *volume {
	needsRoot(x.T)
	v := &volume{t: x.T, root: x.TempDir(), image: filepath.Join(x.TempDir(), "image")}
	require.NoError(x, os.WriteFile(v.image, nil, 0o600))
	require.NoError(x, os.Truncate(v.image, 64<<20))
	run(x.T, "mkfs.ext4", "-q", "-m", "0", "-J", "size=4", v.image)
	v.mountLoop()
	x.Cleanup(func() { run(x.T, "umount", "-l", v.root) })
	return v
}

func (v *volume) mountLoop() {
	v.t.Helper()
	run(v.t, "mount", "-o", "loop,errors=remount-ro", v.image, v.root)
}

// breakDown has the kernel find an error in the file system.
func (v *volume) breakDown() {
	v.t.Helper()
	text, err := os.ReadFile("/proc/mounts")
	require.NoError(v.t, err)
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); words[1] == v.root {
			require.NoError(v.t, os.WriteFile("/sys/fs/ext4/"+filepath.Base(words[0])+"/trigger_fs_error", []byte("1"), 0))
			return
		}
	}
	v.t.Fatalf("%s is not mounted", v.root)
}

// mountAnew takes the file system away from whoever still uses it and mounts
// what its device holds in its place.
func (v *volume) mountAnew() {
	v.t.Helper()
	run(v.t, "umount", "-l", v.root)
	run(v.t, "cp", "--sparse=always", v.image, v.image+".copy")
	v.image += ".copy"
	v.mountLoop()
}
