package journal

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// inMemory loads a fixture into a file system in memory, as directory /j,
// without the files named.
func inMemory(t *testing.T, fixture string, without ...string) *vfs.Memory {
	dir := unpack(t, fixture)
	for _, name := range without {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	disk := vfs.NewMemory()
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		overwrite(t, disk, "/j/"+e.Name(), content)
	}
	require.NoError(t, disk.SyncDir("/j"))
	return disk
}

// flags counts the stored messages that are flagged as redelivered, and the
// others.
func flags(t *testing.T, j *Journal) (flagged, unflagged int) {
	count := func(page []store.Entry, err error) {
		require.NoError(t, err)
		for _, e := range page {
			if e.Redelivered {
				flagged++
			} else {
				unflagged++
			}
		}
	}
	for _, d := range j.Recovered().Destinations {
		if d.Destination.Kind.IsQueue() {
			count(j.Page(nil, d.Destination, 0, 10_000, 1<<30))
		}
		for _, s := range d.Subscriptions {
			count(j.PageSubscription(nil, d.Destination, s.Info.Key(), 0, 10_000, 1<<30))
		}
	}
	return flagged, unflagged
}

// TestFlagsAfterActiveMQ: what an ActiveMQ left that did not certainly stop
// cleanly may have been delivered, and stays so through our own crashes and
// collections; what one left that did has not been.
func TestFlagsAfterActiveMQ(t *testing.T) {
	for _, c := range []struct {
		name, fixture string
		without       []string
		flagged       bool
	}{
		{"stopped", "clean", nil, false},
		{"killed", "crash", nil, true},
		{"stopped, index gone", "clean", []string{"db.data"}, true},
		{"killed, index gone", "crash", []string{"db.data"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := inMemory(t, c.fixture, c.without...)
			o := testOptions(disk, "/j")
			before := 0
			for range 3 {
				j := mustOpen(t, o)
				flagged, unflagged := flags(t, j)
				require.Positive(t, flagged+unflagged)
				require.Equal(t, c.flagged, unflagged == 0, "%d flagged, %d not", flagged, unflagged)
				require.Equal(t, c.flagged, flagged > 0)
				if before > 0 {
					require.Equal(t, before, flagged+unflagged)
				}
				before = flagged + unflagged
				require.NoError(t, j.Collect())
				o.FS = disk.Snapshot() // as if it had been killed here
				require.NoError(t, j.Close())
				disk = o.FS.(*vfs.Memory)
			}
			j := mustOpen(t, o)
			fresh := store.Single(addition(1), true, nil)
			require.NoError(t, await(j, fresh))
			disk = disk.Snapshot()
			require.NoError(t, j.Close())
			j = mustOpen(t, testOptions(disk, "/j"))
			require.Empty(t, redelivered(t, j), "ours is not flagged")
			require.NoError(t, j.Close())
		})
	}
}

// TestFlagsAfterInterruptedTakeOver takes over from a killed ActiveMQ and dies
// after each change of the directory: the next owner still flags everything.
func TestFlagsAfterInterruptedTakeOver(t *testing.T) {
	disk := inMemory(t, "crash")
	var mu sync.Mutex
	var states []*vfs.Memory // mu
	o := testOptions(&vfs.Faulty{FS: disk, Fault: func(vfs.Call, string) error { return nil },
		After: func(call vfs.Call, _ string) {
			switch call {
			case vfs.CallRename, vfs.CallRemove, vfs.CallWrite, vfs.CallCreate:
				mu.Lock()
				states = append(states, disk.Snapshot())
				mu.Unlock()
			}
		}}, "/j")
	o.NoPreallocation = true
	o.CleanupInterval = -1
	j := mustOpen(t, o)
	want, _ := flags(t, j)
	require.NoError(t, j.Close())
	require.Greater(t, len(states), 5)
	for i, state := range states {
		j := mustOpen(t, testOptions(state, "/j"))
		flagged, unflagged := flags(t, j)
		require.Zero(t, unflagged, "state %d of %d", i, len(states))
		require.Equal(t, want, flagged, "state %d", i)
		require.NoError(t, j.Close())
	}
}

func TestIndexState(t *testing.T) {
	for fixture, want := range map[string]indexState{"clean": indexClosed, "crash": indexOpen} {
		o := testOptions(inMemory(t, fixture), "/j")
		require.NoError(t, o.complete())
		got, err := readIndexState(&o)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for _, n := range []int64{4095, 3000, 100, 0} {
			require.NoError(t, o.FS.Truncate("/j/db.data", n))
			got, err = readIndexState(&o)
			require.NoError(t, err)
			require.Equal(t, indexOpen, got, "cut to %d bytes", n)
		}
		require.NoError(t, o.FS.Remove("/j/db.data"))
		got, err = readIndexState(&o)
		require.NoError(t, err)
		require.Equal(t, indexAbsent, got)
	}
}
