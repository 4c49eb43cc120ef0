package lock

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// flag is a log that remembers whether its locker has become a slave.
type flag struct{ slave atomic.Bool }

func (f *flag) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("slave mode")) {
		f.slave.Store(true)
	}
	return len(line), nil
}

// named is a locker of a broker with a name.
func named(t *testing.T, dir, broker string) *FileLocker {
	t.Helper()
	o := quick(dir)
	o.BrokerName, o.Host = broker, "host-of-"+broker
	l, err := NewFile(o)
	require.NoError(t, err)
	return l
}

// won is what a waiting locker gets.
type won struct {
	by    string
	lease *Lease
	err   error
	at    time.Time
}

// waits lets lockers wait for the lock of dir.
func waits(t *testing.T, lockers ...*FileLocker) <-chan won {
	t.Helper()
	wins := make(chan won, len(lockers))
	for _, l := range lockers {
		told := &flag{}
		l.options.Log = slog.New(slog.NewTextHandler(told, nil))
		go func() {
			lease, err := l.Acquire(t.Context())
			wins <- won{l.options.BrokerName, lease, err, time.Now()}
		}()
		require.Eventually(t, told.slave.Load, 5*time.Second, time.Millisecond)
	}
	return wins
}

func TestTheNamedSuccessorGetsTheLock(t *testing.T) {
	for name, to := range map[string]string{"by name": "c", "by host": "host-of-c"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a := named(t, dir, "a")
			lease, err := a.Acquire(t.Context())
			require.NoError(t, err)
			wins := waits(t, named(t, dir, "b"), named(t, dir, "c"), named(t, dir, "d"))
			patience, err := a.Designate(lease.Epoch(), to)
			require.NoError(t, err)
			require.Equal(t, localPatience, patience)
			require.NoError(t, lease.Release())
			first := <-wins
			require.NoError(t, first.err)
			require.Equal(t, "c", first.by)
			require.NoFileExists(t, filepath.Join(dir, SuccessorFileName), "the wish is void now")
			require.NoError(t, first.lease.Release())
			second := <-wins
			require.NoError(t, second.err)
			require.NoError(t, second.lease.Release())
			third := <-wins
			require.NoError(t, third.err)
			require.NoError(t, third.lease.Release())
		})
	}
}

func TestSomebodyServesWhereTheNamedSuccessorIsNot(t *testing.T) {
	dir := t.TempDir()
	a := named(t, dir, "a")
	lease, err := a.Acquire(t.Context())
	require.NoError(t, err)
	wins := waits(t, named(t, dir, "b"), named(t, dir, "c"))
	patience, err := a.Designate(lease.Epoch(), "nobody")
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, lease.Release())
	first := <-wins
	require.NoError(t, first.err)
	require.GreaterOrEqual(t, first.at.Sub(began), patience)
	require.Less(t, first.at.Sub(began), patience+time.Second)
	require.NoError(t, first.lease.Release())
	second := <-wins
	require.NoError(t, second.err, "nobody gives way to a wish of an earlier owner")
	require.Less(t, second.at.Sub(first.at), patience)
	require.NoError(t, second.lease.Release())
}

func TestOneAloneGivesWayOnceOnly(t *testing.T) {
	dir := t.TempDir()
	a := named(t, dir, "a")
	lease, err := a.Acquire(t.Context())
	require.NoError(t, err)
	_, err = a.Designate(lease.Epoch(), "c")
	require.NoError(t, err)
	require.NoError(t, lease.Release())
	lease, err = a.Acquire(t.Context()) // the old owner gives way as well
	require.NoError(t, err)
	require.EqualValues(t, 2, lease.Epoch())
	require.NoError(t, lease.Release())
}

func TestAWishThatCannotBeReadIsNone(t *testing.T) {
	dir := t.TempDir()
	a := named(t, dir, "a")
	lease, err := a.Acquire(t.Context())
	require.NoError(t, err)
	_, err = a.Designate(lease.Epoch(), "c")
	require.NoError(t, err)
	require.NoError(t, lease.Release())
	b := named(t, dir, "b")
	require.Equal(t, "c", b.wish().Node)
	path := filepath.Join(dir, SuccessorFileName)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range text {
		broken := append([]byte(nil), text...)
		broken[i] ^= 4
		require.NoError(t, os.WriteFile(path, broken, 0o600))
		require.Zero(t, b.wish(), "byte %d", i)
	}
	require.NoError(t, os.Truncate(path, 0))
	require.Zero(t, b.wish())
}

func TestANameThatIsTooLongIsRefused(t *testing.T) {
	dir := t.TempDir()
	a := named(t, dir, "a")
	_, err := a.Designate(1, string(make([]byte, maxSuccessorBytes)))
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(dir, SuccessorFileName))
}
