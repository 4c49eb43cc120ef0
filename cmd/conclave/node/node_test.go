package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service records how it was ended.
type service struct {
	failed  chan struct{}
	events  chan string
	stopErr error
	yield   chan struct{} // nil, or Yield hangs until it is closed
}

func newService() *service {
	return &service{failed: make(chan struct{}), events: make(chan string, 16)}
}

func (s *service) URIs() []string          { return []string{"tcp://h:1"} }
func (s *service) Failed() <-chan struct{} { return s.failed }
func (s *service) Silence()                { s.events <- "silence" }
func (s *service) Dismiss()                { s.events <- "dismiss" }
func (s *service) Yield(context.Context, time.Duration) (Residue, error) {
	s.events <- "yield"
	if s.yield != nil {
		<-s.yield
	}
	return Residue{Silence: time.Now()}, s.stopErr
}
func (s *service) Stop(context.Context) error {
	s.events <- "stop"
	return s.stopErr
}

func locker(t *testing.T, dir string) lock.Locker {
	t.Helper()
	l, err := lock.NewFile(lock.FileOptions{Directory: dir, BrokerName: "a",
		KeepAlivePeriod: 10 * time.Millisecond, Window: 2 * time.Second})
	require.NoError(t, err)
	return releasing{l, t}
}

// releasing ends the goroutines of a lost lease, which a process that runs a
// node ends by ending itself.
type releasing struct {
	lock.Locker
	t *testing.T
}

func (r releasing) Acquire(ctx context.Context) (*lock.Lease, error) {
	lease, err := r.Locker.Acquire(ctx)
	if err == nil {
		r.t.Cleanup(func() { _ = lease.Release() })
	}
	return lease, err
}

// run starts a node and returns it with the channel of Run's result.
func run(ctx context.Context, l lock.Locker, start func(context.Context, store.Lease) (Service, error)) (*Node, chan error) {
	n := New(Options{Locker: l, Start: start})
	result := make(chan error, 1)
	go func() { result <- n.Run(ctx) }()
	return n, result
}

func serving(s *service) func(context.Context, store.Lease) (Service, error) {
	return func(context.Context, store.Lease) (Service, error) { return s, nil }
}

func reaches(t *testing.T, n *Node, role Role) {
	t.Helper()
	require.Eventually(t, func() bool { return n.Status().Role == role }, 5*time.Second, time.Millisecond)
}

func TestSlaveTakesOverAfterCleanStop(t *testing.T) {
	dir := t.TempDir()
	ctxA, stopA := context.WithCancel(t.Context())
	ctxB, stopB := context.WithCancel(t.Context())
	defer stopB()
	sa, sb := newService(), newService()

	a, doneA := run(ctxA, locker(t, dir), serving(sa))
	reaches(t, a, Master)
	require.EqualValues(t, 1, a.Status().Epoch)
	require.Equal(t, []string{"tcp://h:1"}, a.Status().URIs)

	b, doneB := run(ctxB, locker(t, dir), serving(sb))
	require.Equal(t, Slave, b.Status().Role)
	stopA()
	require.NoError(t, <-doneA)
	require.Equal(t, "stop", <-sa.events)
	require.Equal(t, "dismiss", <-sa.events)
	require.Equal(t, Stopping, a.Status().Role)
	reaches(t, b, Master)
	require.EqualValues(t, 2, b.Status().Epoch)
	stopB()
	require.NoError(t, <-doneB)
}

func TestSlaveStopsAtOnce(t *testing.T) {
	dir := t.TempDir()
	ctxA, stopA := context.WithCancel(t.Context())
	a, doneA := run(ctxA, locker(t, dir), serving(newService()))
	reaches(t, a, Master)
	ctxB, stopB := context.WithCancel(t.Context())
	_, doneB := run(ctxB, locker(t, dir), serving(newService()))
	stopB()
	require.NoError(t, <-doneB)
	stopA()
	require.NoError(t, <-doneA)
}

func TestLostLockSilencesAndDoesNotStop(t *testing.T) {
	dir := t.TempDir()
	s := newService()
	n, done := run(t.Context(), locker(t, dir), serving(s))
	reaches(t, n, Master)
	require.NoError(t, os.Remove(filepath.Join(dir, lock.FileName)))
	err := <-done
	require.ErrorIs(t, err, ErrLost)
	require.ErrorIs(t, err, lock.ErrLost)
	require.Equal(t, "silence", <-s.events)
	require.Empty(t, s.events, "closing would write to the store")
}

func TestFailedStoreSilencesAndDoesNotStop(t *testing.T) {
	s := newService()
	n, done := run(t.Context(), nil, serving(s))
	reaches(t, n, Master)
	close(s.failed)
	err := <-done
	require.ErrorIs(t, err, ErrLost)
	require.ErrorIs(t, err, store.ErrFailed)
	require.Equal(t, "silence", <-s.events)
	require.Empty(t, s.events)
}

func TestFailedStartGivesTheLockBack(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("broken journal")
	_, done := run(t.Context(), locker(t, dir), func(context.Context, store.Lease) (Service, error) { return nil, broken })
	require.ErrorIs(t, <-done, broken)
	status, err := lock.ReadHolder(dir)
	require.NoError(t, err)
	require.False(t, status.Held)
}

func TestLossDuringStartDoesNotWaitForIt(t *testing.T) {
	dir := t.TempDir()
	begun, hang := make(chan struct{}), make(chan struct{})
	ended := make(chan struct{})
	_, done := run(t.Context(), locker(t, dir), func(context.Context, store.Lease) (Service, error) {
		defer close(ended)
		close(begun)
		<-hang
		return nil, errors.New("too late")
	})
	<-begun
	require.NoError(t, os.Remove(filepath.Join(dir, lock.FileName)))
	require.ErrorIs(t, <-done, ErrLost)
	close(hang)
	<-ended
}

func TestStopDuringStart(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	begun := make(chan struct{})
	_, done := run(ctx, nil, func(ctx context.Context, _ store.Lease) (Service, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	<-begun
	stop()
	require.NoError(t, <-done)
}
