package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/config"
)

// jvmShare is the part of a machine's memory that a Java virtual machine takes
// for its heap when nothing is said.
const jvmShare = 4

// GOGC where nothing is said. Under load with a large heap 200 took a seventh
// less processor time than Go's 100, and more gave nothing; messages that only
// pass through leave a small heap and much garbage, of which a collection then
// waits for leastGarbage, as far as mostPercent goes: an idle broker's heap
// stays small.
const (
	gcPercent    = 200
	mostPercent  = 600
	leastGarbage = 96 << 20 // bytes
)

// percentFor is GOGC for a heap of live bytes.
func percentFor(live uint64) int {
	return int(min(max(leastGarbage*100/max(live, 1), gcPercent), mostPercent))
}

// tuneCollector leaves GOGC and GOMEMLIMIT to whoever sets them. Without GOGC
// it goes by the heap's size, from one collection to the next.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcPercent)
	t := &tuner{percent: gcPercent, sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	runtime.SetFinalizer(&cycle{t}, (*cycle).ended)
}

// tuner sets GOGC. The runtime's finalizing goroutine alone uses it.
type tuner struct {
	percent int
	sample  []metrics.Sample
}

// cycle is garbage from the beginning: its finalizer runs once after each
// collection and makes it so again.
type cycle struct{ *tuner }

func (c *cycle) ended() {
	metrics.Read(c.sample)
	if c.sample[0].Value.Kind() == metrics.KindUint64 {
		c.set(percentFor(c.sample[0].Value.Uint64()))
	}
	runtime.SetFinalizer(c, (*cycle).ended)
}

// set changes GOGC where it makes a difference; each change stops the world. A
// heap that has become large gets no more than its share.
func (t *tuner) set(percent int) {
	if d := percent - t.percent; d*d*100 > t.percent*t.percent || d < 0 && percent == gcPercent {
		debug.SetGCPercent(percent)
		t.percent = percent
	}
}

// fallbackPercent is what the memory limit is lowered to where it is more than
// there is. (ActiveMQ: BrokerService.checkMemorySystemUsageLimits)
const fallbackPercent = 70

// memoryLimit is the bytes of messages that may be in memory. A percentage is
// one of GOMEMLIMIT, or of what a JVM's heap would be on this machine.
func memoryLimit(c *config.Broker, log *slog.Logger) int64 {
	u := &c.SystemUsage.MemoryUsage
	heap := debug.SetMemoryLimit(-1) // negative only asks
	available := heap
	if heap == math.MaxInt64 {
		var info unix.Sysinfo_t
		if unix.Sysinfo(&info) != nil {
			return u.Limit
		}
		available = int64(uint64(info.Totalram) * uint64(info.Unit))
		heap = available / jvmShare
	}
	if u.PercentOfJvmHeap > 0 {
		return heap / 100 * int64(u.PercentOfJvmHeap)
	}
	if u.Limit <= available || !c.AdjustUsageLimits {
		return u.Limit
	}
	lowered := available / 100 * fallbackPercent
	log.Log(context.Background(), logLevels[c.SystemUsage.CheckLimitsLogLevel],
		fmt.Sprintf("Memory Usage for the Broker (%dmb) is more than the maximum available: %dmb - resetting to %d%% of maximum available: %dmb",
			u.Limit>>20, available>>20, fallbackPercent, lowered>>20))
	return lowered
}
