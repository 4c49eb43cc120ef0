package lock

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTwoProcessesExcludeEachOther(t *testing.T) {
	dir := t.TempDir()
	a := start(t, "broker", dir)
	require.EqualValues(t, 1, a.epoch())
	b := start(t, "broker", dir)
	line := b.expect("slave mode")
	require.Contains(t, line, "Database "+filepath.Join(dir, "lock")+" is locked by another server.")
	require.Contains(t, line, "pid "+strconv.Itoa(a.cmd.Process.Pid))
	require.Contains(t, line, "epoch 1")

	_, err := tryAcquire(dir)
	require.ErrorIs(t, err, ErrHeld)
	require.ErrorContains(t, err, "pid "+strconv.Itoa(a.cmd.Process.Pid))

	a.finish() // a clean release
	require.Contains(t, a.said(), "released")
	require.EqualValues(t, 2, b.epoch())
	require.Equal(t, 1, strings.Count(strings.Join(b.said(), "\n"), "slave mode"), "a slave says so once")
}

func TestKillWakesBlockedWaiter(t *testing.T) {
	dir := memoryDir(t) // so that a busy disk does not count
	holder := start(t, "broker", dir)
	holder.epoch()
	var gaps []time.Duration
	for range 7 {
		waiter := start(t, "broker", dir)
		waiter.blocked()
		killed := time.Now()
		holder.kill()
		fields := strings.Fields(waiter.expect("held "))
		nanos, err := strconv.ParseInt(fields[2], 10, 64)
		require.NoError(t, err)
		gaps = append(gaps, time.Unix(0, nanos).Sub(killed))
		holder = waiter
	}
	slices.Sort(gaps)
	t.Logf("from kill -9 to the next epoch: %v", gaps)
	require.Less(t, gaps[len(gaps)/2], 100*time.Millisecond)
}

// memoryDir is a directory without a disk where there is such a thing.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "conclave-lock-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestEpochRisesOverTakeovers(t *testing.T) {
	dir := t.TempDir()
	last := uint64(0)
	for i := range 12 {
		crowd := []*helper{start(t, "broker", dir), start(t, "broker", dir)}
		// Killed anywhere between its start and its service.
		time.Sleep(time.Duration(rand.Int64N(int64(40 * time.Millisecond))))
		crowd[i%2].kill()
		epoch := crowd[1-i%2].epoch()
		require.Greater(t, epoch, last)
		last = epoch
		crowd[1-i%2].kill()
		status, err := ReadHolder(dir)
		require.NoError(t, err)
		require.False(t, status.Held)
		require.Equal(t, last, status.Holder.Epoch)
	}
}

func TestPausedHolderIsInvalidUntilProven(t *testing.T) {
	dir := t.TempDir()
	a := start(t, "broker", dir)
	a.epoch()
	b := start(t, "broker", dir)
	b.blocked()
	a.pause()
	require.Never(t, func() bool { return len(b.said()) > 1 }, 1300*time.Millisecond, 50*time.Millisecond,
		"a paused holder still has its lock")
	a.signal(syscall.SIGCONT)
	require.Equal(t, "woke false", a.expect("woke"))
	require.Equal(t, "checked true true", a.expect("checked"))
	a.finish()
	require.NotContains(t, strings.Join(a.said(), "\n"), "lost")
	require.EqualValues(t, 2, b.epoch())
}

func TestPausedHolderFindsItsFileReplaced(t *testing.T) {
	dir := t.TempDir()
	a := start(t, "broker", dir)
	a.epoch()
	a.pause()
	require.NoError(t, os.Remove(filepath.Join(dir, FileName)))
	b := start(t, "broker", dir)
	b.expect("waiting until it must have noticed")
	require.EqualValues(t, 2, b.epoch())
	a.signal(syscall.SIGCONT)
	require.Eventually(t, func() bool {
		said := strings.Join(a.said(), "\n")
		return strings.Contains(said, "woke false") && strings.Contains(said, "lost lock is no longer held")
	}, 10*time.Second, time.Millisecond)
	require.NotContains(t, a.said(), "checked true true")
}

// Who dies while it waits for an earlier owner to notice must not leave a
// record from which its successor concludes that there is nobody to wait for.
func TestEndWithinTheWaitForAnEarlierOwner(t *testing.T) {
	dir := t.TempDir()
	a := start(t, "broker", dir)
	a.epoch()
	a.pause()
	require.NoError(t, os.Remove(filepath.Join(dir, FileName)))
	b := start(t, "broker", dir)
	b.expect("waiting until it must have noticed")
	b.signal(syscall.SIGKILL)
	c := start(t, "broker", dir)
	c.expect("waiting until it must have noticed")
	require.EqualValues(t, 2, c.epoch())
	a.signal(syscall.SIGCONT)
	require.Equal(t, "woke false", a.expect("woke"))
}

// A rename of the epoch file that a network file system carries out long after
// it was asked for must find nothing to rename.
func TestAnotherEpochThatWasNeverTaken(t *testing.T) {
	dir := t.TempDir()
	late := filepath.Join(dir, EpochFileName+"."+newHolderID()+temporarySuffix)
	require.NoError(t, writeSynced(late, []byte("an epoch"), os.O_CREATE))
	acquire(t, quick(dir))
	require.ErrorIs(t, os.Rename(late, filepath.Join(dir, EpochFileName)), fs.ErrNotExist)
}

func TestWaiterLeavesAFileThatWasReplaced(t *testing.T) {
	dir := t.TempDir()
	frozen := start(t, "broker", dir)
	frozen.epoch()
	waiter := start(t, "broker", dir)
	waiter.blocked()
	frozen.pause()
	require.NoError(t, os.Remove(filepath.Join(dir, FileName)))
	second := start(t, "broker", dir)
	second.epoch()
	second.kill()
	require.Greater(t, waiter.epoch(), uint64(1), "although the first holder never lets go")
}

func TestExcludesJava(t *testing.T) {
	for _, length := range []int{1, 8} {
		t.Run("length "+strconv.Itoa(length), func(t *testing.T) {
			dir := t.TempDir()
			java := start(t, "posix", dir, length)
			java.expect("held")
			status, err := ReadHolder(dir)
			require.NoError(t, err)
			require.True(t, status.Held)
			require.Equal(t, java.cmd.Process.Pid, status.ForeignPID)
			_, err = tryAcquire(dir)
			require.ErrorIs(t, err, ErrHeld)
			require.ErrorContains(t, err, "pid "+strconv.Itoa(java.cmd.Process.Pid))

			waiters := []*helper{start(t, "broker", dir), start(t, "broker", dir)}
			for _, w := range waiters {
				w.blocked()
			}
			// A waiter that is frozen keeps the other one out of nothing.
			waiters[0].pause()
			java.kill()
			waiters[1].epoch()

			start(t, "posix", dir, length).expect("busy")
			waiters[1].kill()
			start(t, "posix", dir, length).expect("held")
		})
	}
}

// ActiveMQ takes a new modification time of the lock file for a lost lock.
func TestWaitingLeavesTheFileAlone(t *testing.T) {
	dir := t.TempDir()
	java := start(t, "posix", dir, 8)
	java.expect("held")
	before := contents(t, dir)
	locker, err := NewFile(quick(dir))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = locker.Acquire(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = ReadHolder(dir)
	require.NoError(t, err)
	require.Equal(t, before, contents(t, dir))
	java.kill()
}

// contents maps each file to its bytes and time of modification.
func contents(t *testing.T, dir string) map[string]string {
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		files[e.Name()] = info.ModTime().String() + string(b)
	}
	return files
}

func TestExcludesPlainFlock(t *testing.T) {
	dir := t.TempDir()
	gofrs := start(t, "gofrs", dir)
	gofrs.expect("held")
	_, err := tryAcquire(dir)
	require.ErrorIs(t, err, ErrHeld)
	waiter := start(t, "broker", dir)
	waiter.expect("slave mode")
	waiter.sleepsIn(unix.SYS_FLOCK, unix.LOCK_EX)
	// Waiting for a flock it holds nothing, so that Java gets what is free.
	java := start(t, "posix", dir, 1)
	java.expect("held")
	gofrs.kill()
	java.kill()
	waiter.epoch()
	start(t, "gofrs", dir).expect("busy")
}

func TestUnwritableDirectory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become a user without rights")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o555))
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for d := dir; d != "/"; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		require.NoError(t, err)
		if info.Mode()&0o5 != 0o5 {
			require.NoError(t, os.Chmod(d, info.Mode()|0o5))
			defer os.Chmod(d, info.Mode())
		}
	}
	line := startAs(t, nobody, "open", dir).expect("error")
	require.Contains(t, line, filepath.Join(dir, FileName))
	require.Contains(t, line, "permission denied")
	line = startAs(t, nobody, "open", filepath.Join(dir, "below")).expect("error")
	require.Contains(t, line, filepath.Join(dir, "below"))
	require.Contains(t, line, "permission denied")
}
