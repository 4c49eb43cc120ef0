package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/config"
)

func limitsOf(t *testing.T, change func(*config.Broker)) (*limits, *bytes.Buffer) {
	c := &config.Broker{BrokerName: "b", DataDirectory: filepath.Join(t.TempDir(), "not", "there"), Persistent: true}
	c.AdjustUsageLimits = true
	c.DiskUsageCheckRegrowThreshold = -1
	c.SystemUsage.CheckLimitsLogLevel = "error"
	c.SystemUsage.StoreUsage.Limit, c.SystemUsage.TempUsage.Limit = 1<<20, 1<<20
	change(c)
	var log bytes.Buffer
	return newLimits(c, slog.New(slog.NewTextHandler(&log, nil))), &log
}

func TestLimitsThatFitAreKept(t *testing.T) {
	l, log := limitsOf(t, func(*config.Broker) {})
	require.NoError(t, l.adjust(5, 5))
	require.EqualValues(t, 1<<20, l.store.limit)
	require.EqualValues(t, 1<<20, l.temp.limit)
	require.Empty(t, log.String())
}

func TestLimitsBeyondTheDiskAreLowered(t *testing.T) {
	large := func(c *config.Broker) { c.SystemUsage.StoreUsage = config.DiskUsage{Limit: 1 << 60, Total: 5 << 20} }
	l, log := limitsOf(t, large)
	require.NoError(t, l.adjust(1<<20, 0))
	require.EqualValues(t, 5<<20, l.store.limit)
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "resetting to that: 5 mb")

	l, _ = limitsOf(t, func(c *config.Broker) { large(c); c.AdjustUsageLimits = false })
	require.ErrorIs(t, l.adjust(0, 0), errLimit)
}

func TestLoweredLimitsGrowWithTheDisk(t *testing.T) {
	l, _ := limitsOf(t, func(c *config.Broker) { c.SystemUsage.StoreUsage = config.DiskUsage{Limit: 10 << 20, Total: 5 << 20} })
	require.NoError(t, l.adjust(0, 0))
	require.EqualValues(t, 5<<20, l.store.limit)
	require.True(t, l.lowered())
	for _, size := range []struct{ total, want int64 }{{7 << 20, 7 << 20}, {6 << 20, 6 << 20}, {50 << 20, 10 << 20}} {
		l.store.given.Total = size.total
		store, _ := l.check(0, 0)
		require.Equal(t, size.want, store)
	}
	require.False(t, l.lowered())
}

func TestPercentLimits(t *testing.T) {
	l, _ := limitsOf(t, func(c *config.Broker) {
		c.SystemUsage.StoreUsage = config.DiskUsage{Limit: 1 << 60, PercentLimit: 40, Total: 1000}
		c.SystemUsage.TempUsage = config.DiskUsage{PercentLimit: 1}
	})
	require.NoError(t, l.adjust(0, 0))
	require.EqualValues(t, 400, l.store.limit)
	total, err := measure(t.TempDir())
	require.NoError(t, err)
	require.InDelta(t, total/100, l.temp.limit, float64(total)/1000)
}

func TestLimitsRegrow(t *testing.T) {
	l, log := limitsOf(t, func(c *config.Broker) {
		c.SystemUsage.TempUsage = config.DiskUsage{PercentLimit: 1}
		c.DiskUsageCheckRegrowThreshold = 10
	})
	require.NoError(t, l.adjust(0, 0))
	first := l.temp.limit
	l.temp.limit = 5 // as if the disk had been full
	_, temp := l.check(0, 0)
	require.InDelta(t, first, temp, float64(first))
	require.Greater(t, temp, int64(1<<10))
	require.Contains(t, log.String(), "grows again")
}
