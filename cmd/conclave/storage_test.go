package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/lock/storage"
)

func TestJudgeStorage(t *testing.T) {
	unsafe := storage.Result{Check: storage.CheckNFSVersion, Verdict: storage.Unsafe, Reason: "old", Remedy: "mount with vers=4.2"}
	soft := storage.Result{Check: storage.CheckErrorOptions, Verdict: storage.Warn, Reason: "soft", Remedy: "mount hard"}
	kind := storage.Result{Check: storage.CheckMount, Verdict: storage.Warn, Reason: "tmpfs"}
	judge := func(allowed string, results ...storage.Result) (string, error) {
		names, err := storage.ParseNames(allowed)
		require.NoError(t, err)
		var log bytes.Buffer
		s := &suitability{allowed: names, log: slog.New(slog.NewTextHandler(&log, nil))}
		err = s.judge(results)
		return log.String(), err
	}
	log, err := judge("", unsafe, soft)
	require.ErrorIs(t, err, errUnsafe)
	require.EqualError(t, err, "storage is unsafe: nfs-version: old. Remedy: mount with vers=4.2; or start with --allowUnsafeStorage=nfs-version at the risk of losing messages")
	require.Contains(t, log, `level=WARN msg=storage check=error-options reason=soft remedy="mount hard"`)
	_, err = judge("read-only", unsafe)
	require.ErrorIs(t, err, errUnsafe)
	log, err = judge("nfs-version", unsafe, kind)
	require.NoError(t, err)
	require.Contains(t, log, `level=WARN msg="storage is unsafe, and that is allowed by allowUnsafeStorage" check=nfs-version`)
	require.Contains(t, log, "level=INFO msg=storage check=mount")
}

// A master's own lock passes; one that was lost meanwhile is a loss, not a
// finding about the storage.
func TestTryLock(t *testing.T) {
	dir := t.TempDir()
	locker, err := lock.NewFile(lock.FileOptions{Directory: dir})
	require.NoError(t, err)
	lease, err := locker.Acquire(t.Context())
	require.NoError(t, err)
	s := &suitability{directory: dir, log: slog.New(slog.DiscardHandler)}
	require.NoError(t, s.tryLock(t.Context(), lease))
	require.NoError(t, lease.Check(t.Context()), "it is still held")

	require.NoError(t, os.Remove(filepath.Join(dir, lock.FileName)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, lock.FileName), nil, 0o600))
	err = s.tryLock(t.Context(), lease)
	require.ErrorIs(t, err, lock.ErrLost)
	require.NotErrorIs(t, err, errUnsafe)
	require.NoError(t, (*suitability)(nil).tryLock(t.Context(), lease), "nothing on disk")
	_ = lease.Release() // it is lost
}

func TestInspectStorage(t *testing.T) {
	s := &suitability{directory: t.TempDir(), fileLength: 1 << 20, log: slog.New(slog.DiscardHandler)}
	require.NoError(t, s.inspect(t.Context()))
	require.NoError(t, (*suitability)(nil).inspect(t.Context()))
}

func TestCheckStorageUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"no directory":       {},
		"two":                {"a", "b"},
		"no port":            {"d", "--peer", "host"},
		"no host":            {"d", "--peer", ":7070"},
		"both sides":         {"d", "--peer", "h:1", "--listen", ":1"},
		"no time":            {"d", "--timeout", "0s"},
		"too much time":      {"d", "--call-timeout", "48h"},
		"no size":            {"d", "--journalMaxFileLength", "x"},
		"json of a listener": {"d", "--json", "--listen", ":1"},
	} {
		out, code := run(t, append([]string{"check-storage"}, args...)...)
		require.Equal(t, exitUsage, code, "%s: %s", name, out)
	}
	out, code := run(t, "start", "--allowUnsafeStorage", "everything")
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "there are mount, read-only, nfs-version")
}
