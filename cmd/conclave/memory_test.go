package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCollectionsGoByTheHeap(t *testing.T) {
	require.Equal(t, mostPercent, percentFor(0))
	require.Equal(t, mostPercent, percentFor(4<<20))
	require.Equal(t, 480, percentFor(20<<20), "96 MiB of garbage")
	require.Equal(t, gcPercent, percentFor(48<<20))
	require.Equal(t, gcPercent, percentFor(1<<40))
}

func TestCollectorIsTunedAfterEachCollection(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	t.Setenv("GOGC", "")
	gogc := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	becomes := func(want func(percent int) bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			runtime.GC()
			metrics.Read(gogc)
			return want(int(gogc[0].Value.Uint64()))
		}, 10*time.Second, time.Millisecond)
	}
	live := make([]byte, 256<<20) // never touched
	tuneCollector()
	becomes(func(p int) bool { return p == gcPercent })
	runtime.KeepAlive(live)
	live = nil
	becomes(func(p int) bool { return p > gcPercent })
}
