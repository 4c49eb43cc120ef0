package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/conclavemq/conclave/test/harness"
)

// work is the figure that -cpu adds to the rows that a load is measured in: it
// tells of a path that has become longer also where the disk is the limit, and
// on a machine that others use as well.
var work = figure{Key: "cpu", Title: "  … processor time of the broker, each", Unit: "µs", Lower: true, Target: none}

// withWork adds that figure.
func withWork(list []row) []row {
	for i := range list {
		if r := &list[i]; r.Loaded {
			r.Figures = append(r.Figures[:len(r.Figures):len(r.Figures)], work)
		}
	}
	return list
}

// worked begins to count the processor time of a broker; what it returns tells
// it.
func worked(b *harness.Broker) func() time.Duration {
	before, err := processorTime(b.Pid())
	return func() time.Duration {
		now, e := processorTime(b.Pid())
		if err != nil || e != nil {
			return 0
		}
		return now - before
	}
}

// tick is Linux's USER_HZ, the unit of /proc/PID/stat.
const tick = 10 * time.Millisecond

// processorTime is what a process has used, in user mode and in the kernel.
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	const user, system = 11, 12 // from the field after the name on
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	var sum int64
	for _, i := range []int{user, system} {
		if i >= len(fields) {
			return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
		}
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}
