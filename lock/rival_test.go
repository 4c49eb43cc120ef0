package lock

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGone(t *testing.T) {
	f := &FileLocker{}
	require.NotEmpty(t, kernel())
	for _, row := range []struct {
		name   string
		holder Holder
		want   bool
	}{
		{"this process", Holder{Kernel: kernel(), PID: os.Getpid()}, true},
		{"a free number", Holder{Kernel: kernel(), PID: 1<<22 + 1}, true},
		{"a live process", Holder{Kernel: kernel(), PID: os.Getppid()}, false},
		{"another kernel", Holder{Kernel: "other", PID: 1<<22 + 1}, false},
		{"an unknown kernel", Holder{PID: 1<<22 + 1}, false},
	} {
		require.Equal(t, row.want, f.gone(row.holder), row.name)
	}
}

// An owner that dies while a slave looks for signs of its life is not waited
// for any longer.
func TestOwnerDiesWhileItIsLookedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	require.NoError(t, os.WriteFile(path, []byte("12345678"), 0o644))
	first, err := stampAt(path)
	require.NoError(t, err)
	owner := exec.Command("cat")
	stdin, err := owner.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, owner.Start())
	f := &FileLocker{options: FileOptions{clock: BootTime}}
	holder := Holder{Kernel: kernel(), PID: owner.Process.Pid, WindowMillis: maxWindow.Milliseconds()}
	ctx, cancel := context.WithTimeout(t.Context(), 3*rivalLook)
	_, err = f.signOfLife(ctx, path, first, holder)
	require.ErrorIs(t, err, context.DeadlineExceeded, "it lives")
	cancel()
	died := make(chan error, 1)
	go func() { died <- errors.Join(stdin.Close(), owner.Wait()) }()
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	alive, err := f.signOfLife(ctx, path, first, holder)
	require.NoError(t, err)
	require.False(t, alive)
	require.NoError(t, <-died)
}

// An owner who takes its leave says so in the lock file; one that is lost
// writes nothing more.
func TestCleanReleaseClearsTheTime(t *testing.T) {
	o := quick(t.TempDir())
	locker, err := NewFile(o)
	require.NoError(t, err)
	lease, err := locker.Acquire(t.Context())
	require.NoError(t, err)
	stamp, err := stampAt(locker.path)
	require.NoError(t, err)
	require.NotZero(t, stamp)
	require.NoError(t, lease.Release())
	stamp, err = stampAt(locker.path)
	require.NoError(t, err)
	require.Zero(t, stamp)

	lease, err = locker.Acquire(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Remove(locker.path))
	<-lease.Lost()
	require.NoError(t, os.WriteFile(locker.path, []byte("12345678"), 0o644))
	require.NoError(t, lease.Release())
	text, err := os.ReadFile(locker.path)
	require.NoError(t, err)
	require.Equal(t, "12345678", string(text))
}
