package lock

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAcquireCreatesTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	before := time.Now().Truncate(time.Millisecond)
	o := quick(dir)
	lease := acquire(t, o)
	require.EqualValues(t, 1, lease.Epoch())
	b, err := os.ReadFile(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	require.Len(t, b, 8)
	stamp := time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	require.WithinRange(t, stamp, before, time.Now().Add(time.Second))

	status, err := ReadHolder(dir)
	require.NoError(t, err)
	require.True(t, status.Held)
	require.Zero(t, status.ForeignPID)
	require.Equal(t, os.Getpid(), status.Holder.PID)
	require.Equal(t, o.BrokerName, status.Holder.Broker)
	require.Equal(t, o.URIs, status.Holder.URIs)
	require.NoError(t, lease.Check(t.Context()))
	require.NoError(t, lease.Release())
	status, err = ReadHolder(dir)
	require.NoError(t, err)
	require.False(t, status.Held)
}

func TestOneProcessHoldsOnce(t *testing.T) {
	dir := t.TempDir()
	lease := acquire(t, quick(dir))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	for _, path := range []string{dir, link, dir + "/./"} {
		_, err := tryAcquire(path)
		require.ErrorIs(t, err, ErrHeld, path)
	}
	require.NoError(t, lease.Check(t.Context()))
}

func TestAcquireIsCancelled(t *testing.T) {
	dir := t.TempDir()
	lease := acquire(t, quick(dir))
	locker, err := NewFile(quick(dir))
	require.NoError(t, err)
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		_, err = locker.Acquire(ctx)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	locker.mu.Lock()
	left := locker.left
	locker.mu.Unlock()
	require.NotNil(t, left, "one wait remains in the kernel")

	// It wins the lock while nobody wants it, and lets go.
	require.NoError(t, lease.Release())
	<-left.done
	require.Nil(t, left.won)
	next, err := tryAcquire(dir)
	require.NoError(t, err)
	require.EqualValues(t, 2, next.Epoch())
	require.NoError(t, next.Release())
}

func TestAbandonedWaitIsJoined(t *testing.T) {
	dir := t.TempDir()
	lease := acquire(t, quick(dir))
	locker, err := NewFile(quick(dir))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_, err = locker.Acquire(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	won := make(chan *Lease)
	go func() {
		next, err := locker.Acquire(t.Context())
		if err != nil {
			t.Error(err)
		}
		won <- next
	}()
	require.Eventually(t, func() bool {
		locker.mu.Lock()
		defer locker.mu.Unlock()
		return locker.left == nil
	}, 5*time.Second, time.Millisecond)
	require.NoError(t, lease.Release())
	next := <-won
	require.EqualValues(t, 2, next.Epoch())
	require.NoError(t, next.Release())
}

// Polling is what happens on network file systems; it works on every one.
func TestPoll(t *testing.T) {
	dir := t.TempDir()
	lease := acquire(t, quick(dir))
	locker, err := NewFile(quick(dir))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = locker.poll(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, lease.Release())
	d, err := locker.poll(t.Context())
	require.NoError(t, err)
	require.NoError(t, d.close())
}

func TestLossOfTheFile(t *testing.T) {
	lockOf := func(dir string) string { return filepath.Join(dir, FileName) }
	for name, harm := range map[string]func(t *testing.T, dir string) error{
		"deleted": func(_ *testing.T, dir string) error { return os.Remove(lockOf(dir)) },
		"replaced": func(_ *testing.T, dir string) error {
			if err := os.WriteFile(lockOf(dir)+"2", make([]byte, 8), 0o644); err != nil {
				return err
			}
			return os.Rename(lockOf(dir)+"2", lockOf(dir))
		},
		"written to": func(_ *testing.T, dir string) error { return os.WriteFile(lockOf(dir), []byte("x"), 0o644) },
		"directory moved": func(_ *testing.T, dir string) error {
			return os.Rename(dir, dir+"-moved")
		},
		"epoch taken": func(t *testing.T, dir string) error {
			h, err := readEpoch(dir)
			require.NoError(t, err)
			h.Epoch++
			return writeEpoch(dir, h, func() error { return nil })
		},
		"epoch removed": func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, EpochFileName)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "kahadb")
			lease := acquire(t, quick(dir))
			require.NoError(t, lease.Check(t.Context()))
			require.NoError(t, harm(t, dir))
			<-lease.Lost()
			require.False(t, lease.Valid())
			require.ErrorIs(t, lease.Cause(), ErrLost)
			t.Log(lease.Cause())
		})
	}
}

func TestDeletedFileIsWaitedOut(t *testing.T) {
	dir := t.TempDir()
	o := quick(dir)
	o.Window = 300 * time.Millisecond
	old := acquire(t, o)
	require.NoError(t, os.Remove(filepath.Join(dir, FileName)))
	began := time.Now()
	next := acquire(t, o)
	require.GreaterOrEqual(t, time.Since(began), o.Window)
	require.True(t, isLost(old), "only one owner at any moment")
	require.Greater(t, next.Epoch(), old.Epoch())
}

func TestFloor(t *testing.T) {
	dir := t.TempDir()
	o := quick(dir)
	o.Floor = func() uint64 { return 41 }
	lease := acquire(t, o)
	require.EqualValues(t, 42, lease.Epoch())
	require.NoError(t, lease.Release())
	require.EqualValues(t, 43, acquire(t, o).Epoch())
}

func TestNoEpochLeft(t *testing.T) {
	o := quick(t.TempDir())
	o.Floor = func() uint64 { return maxEpoch }
	locker, err := NewFile(o)
	require.NoError(t, err)
	_, err = locker.Acquire(t.Context())
	require.ErrorContains(t, err, "no epoch is left")
}

func TestBadPlaces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err := tryAcquire(file)
	require.ErrorContains(t, err, file)

	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, FileName), 0o755))
	_, err = tryAcquire(dir)
	require.ErrorContains(t, err, "open lock file "+filepath.Join(dir, FileName))

	status, err := ReadHolder(filepath.Join(dir, "missing"))
	require.NoError(t, err)
	require.Zero(t, status)
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]FileOptions{
		"no directory":             {},
		"lockAcquireSleepInterval": {Directory: "d", LockAcquireSleepInterval: -1},
		"keep-alive period":        {Directory: "d", KeepAlivePeriod: -1},
		"two keep-alive periods":   {Directory: "d", KeepAlivePeriod: time.Second, Window: time.Second},
		"is above":                 {Directory: "d", Window: 2 * time.Hour},
		"grace period":             {Directory: "d", Grace: time.Microsecond},
	} {
		_, err := NewFile(o)
		require.ErrorContains(t, err, name)
	}
	locker, err := NewFile(FileOptions{Directory: "d"})
	require.NoError(t, err)
	require.Equal(t, 10*time.Second, locker.options.LockAcquireSleepInterval)
	require.Equal(t, time.Second, locker.options.KeepAlivePeriod)
	require.Equal(t, 5*time.Second, locker.options.Window)
}

func TestDetect(t *testing.T) {
	fileSystem, err := Detect("/proc")
	require.NoError(t, err)
	require.False(t, fileSystem.Local, "what is not known is not local")
	require.Equal(t, "0x9fa0 (network)", fileSystem.String())
	_, err = Detect("/nowhere/at/all")
	require.ErrorIs(t, err, unix.ENOENT)
	require.Equal(t, FileSystem{"ext4", true}, fileSystemOf(unix.EXT4_SUPER_MAGIC))
	for _, magic := range []uint32{unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC} {
		require.False(t, fileSystemOf(magic).Local)
	}
}
