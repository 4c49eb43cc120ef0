package broker

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// countedLease counts how often it is asked.
type countedLease struct {
	valid atomic.Bool
	asked int
}

func (l *countedLease) Valid() bool {
	l.asked++
	return l.valid.Load()
}

func TestLeaseIsTrustedForATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lease := &countedLease{}
		l := leash{lease: lease, trust: time.Millisecond, born: time.Now().Add(-time.Second)}
		require.False(t, l.holds())
		lease.valid.Store(true)
		require.True(t, l.holds(), "what was invalid is asked again at once")
		lease.valid.Store(false)
		require.True(t, l.holds())
		require.Equal(t, 2, lease.asked)
		time.Sleep(time.Millisecond)
		require.False(t, l.holds())
		require.False(t, l.holds())
		require.Equal(t, 4, lease.asked)
	})
}

func TestLeaseIsAskedEachTime(t *testing.T) {
	lease := &countedLease{}
	lease.valid.Store(true)
	l := leash{lease: lease}
	require.True(t, l.holds())
	lease.valid.Store(false)
	require.False(t, l.holds())
	require.True(t, (&leash{}).holds(), "nil is always valid")
}
