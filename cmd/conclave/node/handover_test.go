package node

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/lock"
)

// handing starts a node that can hand over; name is its broker's, uris are
// what its epoch says of its ports.
func handing(t *testing.T, dir, name string, s *service, change func(*Options), uris ...string) (*Node, chan error) {
	t.Helper()
	l, err := lock.NewFile(lock.FileOptions{Directory: dir, BrokerName: name, URIs: uris,
		KeepAlivePeriod: 10 * time.Millisecond, Window: 2 * time.Second})
	require.NoError(t, err)
	o := Options{Locker: releasing{l, t}, Start: serving(s), TakeTime: 5 * time.Second, Designate: l.Designate,
		Holder: func() (lock.Status, error) { return lock.ReadHolder(dir) }}
	if change != nil {
		change(&o)
	}
	n := New(o)
	result := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		result <- n.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return n, result
}

// listening is the URI of a port that is open.
func listening(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return "tcp://" + l.Addr().String()
}

func TestHandOver(t *testing.T) {
	dir := t.TempDir()
	sa := newService()
	a, done := handing(t, dir, "a", sa, nil)
	reaches(t, a, Master)
	b, _ := handing(t, dir, "b", newService(), nil, listening(t))
	outcome, err := a.HandOver(t.Context(), Plan{To: "b", DrainMillis: 1})
	require.NoError(t, err)
	require.Equal(t, "b", outcome.Successor.Broker)
	require.EqualValues(t, 2, outcome.Successor.Epoch)
	require.True(t, outcome.Serving)
	require.Less(t, outcome.GapMillis, int64(5000))
	require.Contains(t, outcome.String(), "broker b ")
	require.Equal(t, "yield", <-sa.events)
	require.Equal(t, "dismiss", <-sa.events, "clients wait for the successor")
	require.ErrorIs(t, <-done, ErrHandedOver)
	reaches(t, b, Master)
	_, err = a.HandOver(t.Context(), Plan{})
	require.ErrorIs(t, err, ErrNotMaster)
}

func TestHandOverToNobody(t *testing.T) {
	s := newService()
	a, done := handing(t, t.TempDir(), "a", s, func(o *Options) { o.TakeTime = 20 * time.Millisecond })
	reaches(t, a, Master)
	outcome, err := a.HandOver(t.Context(), Plan{})
	require.NoError(t, err)
	require.Nil(t, outcome.Successor)
	require.Equal(t, "nobody", outcome.String())
	require.GreaterOrEqual(t, outcome.TakeMillis, int64(20))
	require.Equal(t, "yield", <-s.events)
	require.Equal(t, "dismiss", <-s.events)
	require.ErrorIs(t, <-done, ErrHandedOver, "the process begins anew, and wins the lock")
}

func TestHandOverIsRefused(t *testing.T) {
	dir := t.TempDir()
	a, _ := handing(t, dir, "a", newService(), nil)
	reaches(t, a, Master)
	b, _ := handing(t, dir, "b", newService(), nil)
	_, err := b.HandOver(t.Context(), Plan{})
	require.ErrorIs(t, err, ErrNotMaster)
	alone, _ := run(t.Context(), nil, serving(newService()))
	reaches(t, alone, Master)
	_, err = alone.HandOver(t.Context(), Plan{})
	require.ErrorContains(t, err, "nobody to hand over to")
	require.Equal(t, Master, a.Status().Role)
}

// TestHandOverThatCannotBegin: a wish that cannot be recorded leaves all as
// it was.
func TestHandOverThatCannotBegin(t *testing.T) {
	dir := t.TempDir()
	s := newService()
	full := errors.New("no space")
	a, _ := handing(t, dir, "a", s, func(o *Options) {
		o.Designate = func(uint64, string) (time.Duration, error) { return 0, full }
	})
	reaches(t, a, Master)
	for range 2 {
		_, err := a.HandOver(t.Context(), Plan{To: "b"})
		require.ErrorIs(t, err, full)
		reaches(t, a, Master)
	}
	require.Empty(t, s.events)
}

func TestHandOverOfAStoreThatDoesNotClose(t *testing.T) {
	s := newService()
	s.stopErr = errors.New("disk is gone")
	a, done := handing(t, t.TempDir(), "a", s, nil)
	reaches(t, a, Master)
	_, err := a.HandOver(t.Context(), Plan{})
	require.ErrorIs(t, err, s.stopErr)
	require.ErrorIs(t, <-done, ErrLost)
	require.Equal(t, "yield", <-s.events)
	require.Equal(t, "silence", <-s.events)
}

func TestLockLostWhileHandingOver(t *testing.T) {
	dir := t.TempDir()
	s := newService()
	s.yield = make(chan struct{})
	defer close(s.yield)
	a, done := handing(t, dir, "a", s, nil)
	reaches(t, a, Master)
	go func() {
		<-s.events
		_ = os.Remove(filepath.Join(dir, lock.FileName))
	}()
	_, err := a.HandOver(t.Context(), Plan{})
	require.ErrorIs(t, err, ErrLost)
	require.ErrorIs(t, <-done, ErrLost)
	require.Equal(t, "silence", <-s.events)
}

func TestPortThatIsNotSeen(t *testing.T) {
	began := time.Now()
	require.False(t, waitOpen(t.Context(), []string{"tcp://192.0.2.1:1", "::"}))
	require.Less(t, time.Since(began), refusedTime)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	uri := "tcp://" + l.Addr().String()
	require.NoError(t, l.Close())
	began = time.Now()
	require.False(t, waitOpen(t.Context(), []string{uri}))
	require.GreaterOrEqual(t, time.Since(began), refusedTime, "a host that refuses is there")
}
