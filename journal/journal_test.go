package journal

import (
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// testOptions are for small files, so that tests rotate them.
func testOptions(fs vfs.FS, dir string) Options {
	return Options{Directory: dir, FS: fs, Log: quiet, MaxFileLength: 64 << 10, MaxWriteBatchSize: 16 << 10, CleanupInterval: -1}
}

func mustOpen(t require.TestingT, o Options) *Journal {
	j, err := Open(o)
	require.NoError(t, err)
	return j
}

// TestStoreOnDisk leaves out the syncs, which take their time on a busy disk.
func TestStoreOnDisk(t *testing.T) {
	open := func(t *testing.T, dir string) store.Store {
		o := testOptions(vfs.OS{}, dir)
		o.DiskSync = Never
		return mustOpen(t, o)
	}
	storetest.Run(t, storetest.Factory{
		Open:   func(t *testing.T) store.Store { return open(t, t.TempDir()) },
		Reopen: func(t *testing.T, s store.Store) store.Store { return open(t, s.(*Journal).o.Directory) },
	})
}

func TestStoreInMemory(t *testing.T) {
	storetest.Run(t, storetest.Factory{
		Open: func(t *testing.T) store.Store { return mustOpen(t, testOptions(vfs.NewMemory(), "/journal")) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			return mustOpen(t, testOptions(s.(*Journal).o.FS, "/journal"))
		},
		Abandon: func(t *testing.T, s store.Store) {
			j := s.(*Journal)
			fs := j.o.FS.(*vfs.Memory).Crash(nil)
			require.NoError(t, j.Close())
			j.o.FS = fs
		},
	})
}
