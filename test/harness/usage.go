package harness

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the kernel's USER_HZ, which is 100 on every Linux that Go
// supports.
const clockTick = 10 * time.Millisecond

// Usage is what a process had used when it was asked.
type Usage struct {
	RSS     int64         // resident set, bytes
	PeakRSS int64         // highest resident set so far, bytes
	CPU     time.Duration // user and system time of all its threads
	Written int64         // bytes that it caused to be sent to the storage layer
}

// UsageOf reads /proc of a live process.
func UsageOf(pid int) (Usage, error) {
	var u Usage
	status, err := os.ReadFile(procFile(pid, "status"))
	if err != nil {
		return u, err
	}
	u.RSS = field(status, "VmRSS:") << 10
	u.PeakRSS = field(status, "VmHWM:") << 10
	stat, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return u, err
	}
	if u.CPU, err = cpuTime(stat); err != nil {
		return u, fmt.Errorf("pid %d: %w", pid, err)
	}
	// io is readable by the owner alone; 0 where it is not.
	if io, err := os.ReadFile(procFile(pid, "io")); err == nil {
		u.Written = field(io, "write_bytes:")
	}
	return u, nil
}

func procFile(pid int, name string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + name
}

// field finds the first number after a label at the start of a line.
func field(text []byte, label string) int64 {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte(label))
		if !ok {
			continue
		}
		words := strings.Fields(string(rest))
		if len(words) == 0 {
			return 0
		}
		n, _ := strconv.ParseInt(words[0], 10, 64)
		return n
	}
	return 0
}

// cpuTime adds utime and stime, the 14th and 15th fields of /proc/<pid>/stat,
// counted from behind the command, which may itself hold spaces.
func cpuTime(stat []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(stat, ')')
	words := strings.Fields(string(stat[end+1:]))
	const utime, stime = 14 - 3, 15 - 3 // the first word here is field 3
	if len(words) <= stime {
		return 0, fmt.Errorf("short stat line %q", stat)
	}
	user, err := strconv.ParseInt(words[utime], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(words[stime], 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * clockTick, nil
}
