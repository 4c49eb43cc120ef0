package config

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const spacious = `
  adjustUsageLimits: false
  schedulePeriodForDiskUsageCheck: 5000
  diskUsageCheckRegrowThreshold: 10 mb
  tmpDataDirectory: /tmp/a
  systemUsage:
    systemUsage:
      checkLimitsLogLevel: ERROR
      memoryUsage: {memoryUsage: {limit: 20 mb}}
      storeUsage: {storeUsage: {limit: 1 gb, total: 2g}}
      tempUsage: {tempUsage: {percentLimit: 10}}
  destinationPolicy:
    policyMap:
      policyEntries:
        - queue: ">"
          cursorMemoryHighWaterMark: 60
          storeUsageHighWaterMark: 90
          minimumMessageSize: 1k
          sendFailIfNoSpace: false
          sendFailIfNoSpaceAfterTimeout: 0
          pendingQueuePolicy: {vmQueueCursor: {}}
        - topic: ">"
          pendingSubscriberPolicy: {vmCursor: {}}
          pendingDurableSubscriberPolicy:
            vmDurableCursor:
`

func TestSpace(t *testing.T) {
	c, err := load(t, pair+spacious)
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	b := &c.Broker
	require.Equal(t, BrokerSpace{false, 5 * time.Second, 10 << 20, false, 60, 40, "/tmp/a"}, b.BrokerSpace)
	require.Equal(t, "/tmp/a", b.TemporaryStore())
	require.Equal(t, SystemUsage{
		MemoryUsage: MemoryUsage{Limit: 20 << 20}, StoreUsage: DiskUsage{Limit: 1 << 30, Total: 2 << 30},
		JobSchedulerUsage: JobSchedulerUsage{Limit: 50 << 30},
		TempUsage:         DiskUsage{Limit: DefaultTempLimit, PercentLimit: 10}, CheckLimitsLogLevel: "error",
	}, b.SystemUsage)
	entries := b.DestinationPolicy.PolicyMap.Entries
	require.Equal(t, MemoryEntry{
		CursorMemoryHighWaterMark: 60, StoreUsageHighWaterMark: 90, MinimumMessageSize: 1024, SendFailIfNoSpace: "false",
		PendingQueuePolicy: PendingQueuePolicy{VM: &Cursor{}},
	}, entries[0].MemoryEntry)
	require.NotNil(t, entries[1].PendingSubscriberPolicy.VM)
	require.NotNil(t, entries[1].PendingDurableSubscriberPolicy.VM)
	require.Equal(t, unsetTimeout, entries[1].SendFailIfNoSpaceAfterTimeout)
}

func TestMemoryMarkAboveTheLimit(t *testing.T) {
	c, err := load(t, pair+strings.Replace(spacious, "HighWaterMark: 60", "HighWaterMark: 110", 1))
	require.NoError(t, err)
	require.Equal(t, 110, c.Broker.DestinationPolicy.PolicyMap.Entries[0].CursorMemoryHighWaterMark)
}

func TestSpaceRefusals(t *testing.T) {
	for from, to := range map[string]string{
		"vmQueueCursor: {}":             "vmQueueCursor: {}, storeCursor: {}",
		"cursorMemoryHighWaterMark: 60": "cursorMemoryHighWaterMark: 1001",
		"storeUsageHighWaterMark: 90":   "storeUsageHighWaterMark: 101",
		"percentLimit: 10":              "percentLimit: -1",
		"adjustUsageLimits: false":      "producerSystemUsagePortion: 101",
		"checkLimitsLogLevel: ERROR":    "checkLimitsLogLevel: shout",
		"diskUsageCheckRegrowThreshold": "tempDataStore",
	} {
		require.Contains(t, spacious, from)
		_, err := load(t, pair+strings.Replace(spacious, from, to, 1))
		require.Error(t, err, to)
	}
}
