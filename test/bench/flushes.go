package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// flushCounter counts the system calls that make a process' data durable, with
// perf's tracepoints: they cost a fraction of a microsecond a call, where
// strace would slow every system call of the broker.
type flushCounter struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

var flushEvents = []string{"syscalls:sys_enter_fdatasync", "syscalls:sys_enter_fsync",
	"syscalls:sys_enter_msync", "syscalls:sys_enter_sync_file_range"}

// countFlushes starts counting; stop ends it.
func countFlushes(pid int) (*flushCounter, error) {
	c := &flushCounter{}
	c.cmd = exec.Command("perf", "stat", "-x", ",", "-e", strings.Join(flushEvents, ","), "-p", strconv.Itoa(pid))
	c.cmd.Stderr = &c.out // perf stat reports there
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("counting flushes needs perf (Debian: linux-perf): %w", err)
	}
	return c, nil
}

// stop returns the number of flushes since the start. perf has been seen to
// end with an error after SIGINT although it has reported, so what it wrote
// decides.
func (c *flushCounter) stop() (int64, error) {
	if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return 0, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.cmd.Wait()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill()
		<-done
	}
	return parsePerf(c.out.String())
}

// parsePerf adds the counts of perf's lines "count,unit,event,…".
func parsePerf(text string) (int64, error) {
	var sum int64
	lines := 0
	scanner := bufio.NewScanner(strings.NewReader(text))
	for scanner.Scan() {
		fields := strings.Split(scanner.Text(), ",")
		if len(fields) < 3 || !strings.HasPrefix(fields[2], "syscalls:") {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("perf: %q", scanner.Text())
		}
		sum += n
		lines++
	}
	if lines == 0 {
		return 0, fmt.Errorf("perf reported nothing: %q", text)
	}
	return sum, nil
}
