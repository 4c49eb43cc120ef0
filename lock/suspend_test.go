package lock

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// attentive is an ownership that notices what a test tells it.
type attentive struct {
	fakeOwnership
	notice chan struct{}
}

func (o *attentive) Attend(ctx context.Context) {
	select {
	case <-o.notice:
	case <-ctx.Done():
	}
}

func suspending(t *testing.T, test func(t *testing.T, l *Lease, o *attentive)) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		clock := func() time.Duration { return time.Since(begin) }
		o := &attentive{notice: make(chan struct{})}
		l, err := NewLease(o, LeaseOptions{Epoch: 3, Period: time.Second, Window: 4 * time.Second, Grace: 8 * time.Second,
			Clock: clock, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		test(t, l, o)
		require.NoError(t, l.Release())
		require.Equal(t, 1, o.released)
	})
}

var errSession = fmt.Errorf("%w: the session has ended", ErrSuspended)

func TestSuspensionIsSilenceAtOnce(t *testing.T) {
	suspending(t, func(t *testing.T, l *Lease, o *attentive) {
		require.True(t, l.Valid())
		o.set(errSession, nil)
		o.notice <- struct{}{}
		synctest.Wait()
		require.False(t, l.Valid(), "not one period, not one window later")
		for range 70 { // it tries again whenever it notices something
			time.Sleep(100 * time.Millisecond)
			require.False(t, l.Valid())
		}
		require.False(t, isLost(l))
		o.set(nil, nil)
		o.notice <- struct{}{}
		synctest.Wait()
		require.True(t, l.Valid(), "the same epoch goes on")
		time.Sleep(time.Minute)
		require.True(t, l.Valid())
		require.False(t, isLost(l))
	})
}

func TestSuspensionEndsInLoss(t *testing.T) {
	suspending(t, func(t *testing.T, l *Lease, o *attentive) {
		o.set(errSession, nil)
		began := time.Now()
		o.notice <- struct{}{}
		<-l.Lost()
		require.InDelta(t, 8, time.Since(began).Seconds(), 1, "the grace period")
		require.ErrorIs(t, l.Cause(), ErrLost)
		o.set(nil, nil)
		time.Sleep(time.Minute)
		require.False(t, l.Valid(), "a loss is final")
	})
}

func TestSuspendedAndDeposed(t *testing.T) {
	suspending(t, func(t *testing.T, l *Lease, o *attentive) {
		o.set(errSession, nil)
		o.notice <- struct{}{}
		synctest.Wait()
		o.set(fmt.Errorf("%w: another has taken it", ErrLost), nil)
		o.notice <- struct{}{}
		<-l.Lost()
		require.ErrorContains(t, l.Cause(), "another has taken it")
	})
}

func TestLeaseThatCannotBeKept(t *testing.T) {
	for _, o := range []LeaseOptions{{}, {Period: time.Second, Window: time.Second, Grace: time.Second},
		{Period: time.Second, Window: 2 * maxWindow, Grace: time.Second}, {Period: time.Second, Window: 4 * time.Second}} {
		_, err := NewLease(&attentive{}, o)
		require.Error(t, err)
	}
}
