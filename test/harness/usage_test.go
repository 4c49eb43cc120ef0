package harness

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUsageOfThisProcess(t *testing.T) {
	for start := time.Now(); time.Since(start) < 30*time.Millisecond; {
	}
	u, err := UsageOf(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, u.RSS, int64(1<<20))
	require.GreaterOrEqual(t, u.PeakRSS, u.RSS)
	require.Greater(t, u.CPU, time.Duration(0))
}

func TestCPUTimeSkipsTheCommand(t *testing.T) {
	cpu, err := cpuTime([]byte("7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 0 0 20 0 1 0 9 0 0"))
	require.NoError(t, err)
	require.Equal(t, 420*time.Millisecond, cpu)
	_, err = cpuTime([]byte("7 (a) S 1"))
	require.Error(t, err)
}
