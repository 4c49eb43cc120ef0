package lock

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeOwnership answers proofs as a test tells it to.
type fakeOwnership struct {
	mu       sync.Mutex
	answer   error         // guarded by mu
	hang     chan struct{} // guarded by mu; a proof waits for it to be closed
	proofs   int           // guarded by mu
	released int           // guarded by mu
	live     bool          // guarded by mu; what the last proof was told at its end
}

func (o *fakeOwnership) set(answer error, hang chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer, o.hang = answer, hang
}

func (o *fakeOwnership) Prove(live func() bool) error {
	o.mu.Lock()
	hang := o.hang
	o.mu.Unlock()
	if hang != nil {
		<-hang
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.proofs++
	o.live = live()
	return o.answer
}

func (o *fakeOwnership) Release(bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.released++
	return nil
}

// bubble runs a lease on the bubble's time, to which a test may add pauses.
func bubble(t *testing.T, test func(t *testing.T, l *Lease, o *fakeOwnership, pause func(time.Duration))) {
	synctest.Test(t, func(t *testing.T) {
		var paused atomic.Int64
		begin := time.Now()
		clock := func() time.Duration { return time.Since(begin) + time.Duration(paused.Load()) }
		o := &fakeOwnership{}
		l := newLease(7, o, clock(), timing{time.Second, 5 * time.Second, 5 * time.Second}, clock, slog.New(slog.DiscardHandler))
		test(t, l, o, func(d time.Duration) { paused.Add(int64(d)) })
		require.NoError(t, l.Release())
		require.NoError(t, l.Release())
		require.Equal(t, 1, o.released)
		require.False(t, l.Valid())
		require.ErrorIs(t, l.Check(t.Context()), or(l.Cause(), ErrReleased))
	})
}

func or(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func isLost(l *Lease) bool {
	select {
	case <-l.Lost():
		return true
	default:
		return false
	}
}

func TestLeaseStaysValidWhileProven(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lease, o *fakeOwnership, _ func(time.Duration)) {
		require.EqualValues(t, 7, l.Epoch())
		for range 100 {
			time.Sleep(time.Second)
			require.True(t, l.Valid())
		}
		require.NoError(t, l.Check(t.Context()))
		require.False(t, isLost(l))
		require.NoError(t, l.Cause())
	})
}

func TestLeaseIsLostByProof(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lease, o *fakeOwnership, _ func(time.Duration)) {
		o.set(ErrLost, nil)
		<-l.Lost()
		require.False(t, l.Valid())
		require.ErrorIs(t, l.Cause(), ErrLost)
		o.set(nil, nil)
		proofs := o.proofs
		time.Sleep(time.Minute)
		require.Equal(t, proofs, o.proofs, "no storage call after the loss")
		require.False(t, l.Valid(), "a loss is final")
	})
}

func TestLeaseIsLostByErrors(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lease, o *fakeOwnership, _ func(time.Duration)) {
		broken := errors.New("input/output error")
		o.set(broken, nil)
		require.ErrorIs(t, l.Check(t.Context()), broken)
		require.True(t, l.Valid(), "an error proves nothing either way")
		time.Sleep(5 * time.Second)
		require.False(t, l.Valid())
		require.False(t, isLost(l))
		time.Sleep(6 * time.Second)
		require.True(t, isLost(l))
		require.ErrorIs(t, l.Cause(), ErrLost)
	})
}

func TestLeaseRecoversWithinGrace(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lease, o *fakeOwnership, _ func(time.Duration)) {
		o.set(errors.New("input/output error"), nil)
		time.Sleep(8 * time.Second)
		require.False(t, l.Valid())
		o.set(nil, nil)
		time.Sleep(1100 * time.Millisecond)
		require.True(t, l.Valid())
		time.Sleep(time.Minute)
		require.False(t, isLost(l))
	})
}

func TestHungStorageIsNotWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lease, o *fakeOwnership, _ func(time.Duration)) {
		hang := make(chan struct{})
		o.set(nil, hang)
		began := time.Now()
		<-l.Lost()
		require.InDelta(t, 10, time.Since(began).Seconds(), 1.5, "one window and one grace period")
		require.ErrorIs(t, l.Cause(), ErrHung)
		require.ErrorIs(t, l.Release(), ErrHung)
		require.Zero(t, o.released)
		close(hang)
		synctest.Wait()
		require.False(t, o.live, "the call that hung writes nothing when it wakes")
	})
}

func TestCheckDoesNotWaitBeyondItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lease, o *fakeOwnership, _ func(time.Duration)) {
		hang := make(chan struct{})
		o.set(nil, hang)
		for range 2 { // first within the proof, then waiting for the keeper
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, l.Check(ctx), context.DeadlineExceeded)
			cancel()
		}
		close(hang)
		require.NoError(t, l.Check(t.Context()))
	})
}

func TestLateProofCountsFromItsBeginning(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lease, o *fakeOwnership, _ func(time.Duration)) {
		hang := make(chan struct{})
		o.set(nil, hang)
		time.Sleep(6 * time.Second) // the proof that hangs began after 1 s
		require.False(t, l.Valid())
		again := make(chan struct{})
		o.set(nil, again)
		close(hang)
		synctest.Wait()
		require.False(t, l.Valid(), "what it proved is 5 s old")
		close(again)
		synctest.Wait()
		require.True(t, l.Valid())
	})
}

func TestPauseInvalidatesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lease, o *fakeOwnership, pause func(time.Duration)) {
		hang := make(chan struct{})
		o.set(nil, hang)
		pause(time.Hour)
		require.False(t, l.Valid())
		time.Sleep(4 * time.Second)
		require.False(t, isLost(l), "the keeper has the grace period after a pause")
		o.set(nil, nil)
		close(hang)
		require.NoError(t, l.Check(t.Context()))
		require.True(t, l.Valid())
	})
}

func TestReleaseIsNoLoss(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lease, _ *fakeOwnership, _ func(time.Duration)) {
		require.NoError(t, l.Release())
		time.Sleep(time.Hour)
		require.False(t, isLost(l))
	})
}

func BenchmarkValid(b *testing.B) {
	l := &Lease{clock: BootTime}
	l.deadline.Store(1 << 62)
	for b.Loop() {
		if !l.Valid() {
			b.Fatal("invalid")
		}
	}
}
