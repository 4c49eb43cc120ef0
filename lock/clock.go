package lock

import (
	"time"

	"golang.org/x/sys/unix"
)

// BootTime is the time since the machine started, sleep included. It goes on
// while this process or its virtual machine's processor is paused, and nobody
// can set it. Readings of two hosts have nothing in common.
func BootTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		// Not on any kernel that runs Go. A reading past every deadline keeps
		// each lease invalid, which is the safe side.
		return 1<<63 - 1
	}
	return time.Duration(ts.Nano())
}
