package harness

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Eventually asks cond every few milliseconds until it holds, or limit is over;
// it returns whether it holds.
func Eventually(limit time.Duration, cond func() bool) bool {
	return poll(limit, nil, "", cond) == nil || cond()
}

// WaitFor waits until cond holds, as long as the process lives.
func (b *Broker) WaitFor(limit time.Duration, what string, cond func() bool) error {
	if b.process == nil {
		return ErrNotRunning
	}
	err := poll(limit, b.process.Done(), what+" of broker "+b.opts.Name, cond)
	if err != nil && cond() { // it may have come to hold with the end
		return nil
	}
	return b.explain(err)
}

// WaitLog waits until the present process has logged the words.
func (b *Broker) WaitLog(limit time.Duration, words string) error {
	return b.WaitFor(limit, fmt.Sprintf("line with %q", words), func() bool {
		return bytes.Contains(b.lastLog(), []byte(words))
	})
}

// Count is how often the node's processes have logged the words.
func (b *Broker) Count(words string) int { return strings.Count(b.Log(), words) }

// Command runs a command of Conclave's with the node's configuration, as its
// user would, and returns what it prints.
func (b *Broker) Command(ctx context.Context, words ...string) (string, error) {
	cmd := exec.CommandContext(ctx, b.opts.Binary, append(words, "-c", filepath.Join(b.opts.WorkDir, "conclave.yaml"))...)
	cmd.Env = append(os.Environ(), b.opts.Env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Freeze stops the process as SIGSTOP does, and returns when all its threads
// have stopped; Thaw has it go on.
func (b *Broker) Freeze(limit time.Duration) error {
	if err := b.process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return b.WaitFor(limit, "stop", func() bool { return stopped(b.Pid()) })
}

// Thaw has a frozen process go on.
func (b *Broker) Thaw() error { return b.process.Signal(syscall.SIGCONT) }

// stopped says whether every thread of a process has stopped.
func stopped(pid int) bool {
	threads, err := filepath.Glob(procFile(pid, "task/*/stat"))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		if _, state, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

var epochMark = regexp.MustCompile(`msg="Conclave started".* epoch=(\d+)`)

// Epoch is the one that Conclave last served with, 0 before it has.
func (b *Broker) Epoch() uint64 {
	found := epochMark.FindAllStringSubmatch(b.Log(), -1)
	if len(found) == 0 {
		return 0
	}
	epoch, _ := strconv.ParseUint(found[len(found)-1][1], 10, 64) // digits alone
	return epoch
}

// Failover is a client's URL over several nodes, which finds the one that
// serves within a moment.
func Failover(nodes ...*Broker) string {
	urls := make([]string, len(nodes))
	for i, n := range nodes {
		urls[i] = n.URL()
	}
	return "failover:(" + strings.Join(urls, ",") + ")?initialReconnectDelay=10&maxReconnectDelay=50&useExponentialBackOff=false&randomize=false"
}
