package main

import (
	"math"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/config"
)

// jvmShare is the part of a machine's memory that a Java virtual machine takes
// for its heap when nothing is said.
const jvmShare = 4

// gcPercent is GOGC where nothing is said: a seventh less processor time than
// at Go's 100 under load, measured with 32 synchronous and one asynchronous
// producer; more than 200 gave nothing.
const gcPercent = 200

// tuneCollector leaves GOGC and GOMEMLIMIT to whoever sets them.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// memoryLimit is the bytes of messages that may be in memory. A percentage is
// one of GOMEMLIMIT, or of what a JVM's heap would be on this machine.
func memoryLimit(u config.MemoryUsage) int64 {
	if u.PercentOfJvmHeap == 0 {
		return u.Limit
	}
	heap := debug.SetMemoryLimit(-1) // negative only asks
	if heap == math.MaxInt64 {
		var info unix.Sysinfo_t
		if unix.Sysinfo(&info) != nil {
			return u.Limit
		}
		heap = int64(uint64(info.Totalram)*uint64(info.Unit)) / jvmShare
	}
	return heap / 100 * int64(u.PercentOfJvmHeap)
}
