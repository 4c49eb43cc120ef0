package jobs

import (
	"bufio"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/message"
)

var (
	backlogFlag = flag.Int("backlog", 5_000, "how many messages the backlog has")
	sizeFlag    = flag.Int("size", 1024, "bytes of each message's body")
)

// costs are what a backlog takes.
type costs struct {
	disk    int64 // bytes
	heap    int64 // bytes that are live
	rss     int64 // bytes
	sending time.Duration
	working time.Duration // of the processors, while sending
}

// fill sends a backlog of messages with a delay, to a broker that heeds it or
// not, and measures what it takes.
func fill(t *testing.T, delay time.Duration, scheduler bool) (costs, journal.Options) {
	t.Helper()
	o := journal.Options{Directory: filepath.Join(t.TempDir(), "kahadb"), DiskSync: journal.Never}
	before := live()
	n := open(t, o, 1, scheduler)
	began, worked := time.Now(), working(t)
	body := make([]byte, *sizeFlag)
	window := make(chan struct{}, 1000)
	for range *backlogFlag {
		window <- struct{}{}
		n.send("", body, func(err error) {
			require.NoError(t, err)
			<-window
		}, message.Property{Name: "AMQ_SCHEDULED_DELAY", Value: delay.Milliseconds()})
	}
	for range cap(window) {
		window <- struct{}{}
	}
	n.settle()
	c := costs{sending: time.Since(began), working: working(t) - worked, disk: sizeOf(t, o.Directory), heap: live() - before, rss: resident(t)}
	n.close()
	return c, o
}

// live is what the heap holds after a collection, bytes.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// working is how long the processors have worked for this process.
func working(t *testing.T) time.Duration {
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func resident(t *testing.T) int64 {
	f, err := os.Open("/proc/self/status")
	require.NoError(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			require.NoError(t, err)
			return n << 10
		}
	}
	return 0
}

func sizeOf(t *testing.T, dir string) (sum int64) {
	files, err := filepath.Glob(filepath.Join(dir, "db-*.log"))
	require.NoError(t, err)
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		sum += info.Size()
	}
	return sum
}

// A backlog of delayed messages costs what the same messages cost in a queue.
// Its jobs, all due in the same second, are delivered after another start, and
// other work goes on meanwhile.
func TestBacklog(t *testing.T) {
	count := float64(*backlogFlag)
	queue, _ := fill(t, time.Hour, false)
	due := time.Now().Add(time.Duration(count/10_000)*time.Second + 2*time.Second)
	jobs, o := fill(t, time.Until(due), true)
	for name, c := range map[string]costs{"queue": queue, "jobs": jobs} {
		t.Logf("%-5s %d messages of %d bytes: %.1f bytes of disk and %.1f bytes of heap each, RSS %d MiB, sent in %s with %s of work",
			name, *backlogFlag, *sizeFlag, float64(c.disk)/count, float64(c.heap)/count, c.rss>>20, c.sending.Round(time.Millisecond), c.working.Round(time.Millisecond))
	}
	require.LessOrEqual(t, jobs.disk, queue.disk+64<<20, "two files more, whatever the backlog")
	require.Less(t, float64(jobs.heap-queue.heap)/count, 1+4<<20/count, "bytes of memory more for each")

	n := open(t, o, 2, true)
	defer n.close()
	require.Eventually(t, func() bool { return !time.Now().Before(due) }, time.Hour, time.Millisecond)
	began, slowest := time.Now(), time.Duration(0)
	for left := int64(1); left > 0; left, _ = n.broker.Jobs() {
		sent := time.Now()
		done := make(chan struct{})
		n.send("between", nil, func(error) { close(done) })
		<-done
		slowest = max(slowest, time.Since(sent))
	}
	took := time.Since(began)
	t.Logf("all were delivered within %s, %.0f a second; a message sent meanwhile took %s at most", took, count/took.Seconds(), slowest)
	require.Less(t, slowest, 5*time.Second)
}

// What is due when another master begins is not late because of what is due
// later, though it lies behind all of that in the log.
func TestLateness(t *testing.T) {
	_, o := fill(t, time.Hour, true)
	n := open(t, o, 2, true)
	const due = 100
	for range due {
		n.send("", nil, func(err error) { require.NoError(t, err) }, message.Property{Name: "AMQ_SCHEDULED_DELAY", Value: int64(1500)})
	}
	n.settle()
	at := time.Now().Add(1500 * time.Millisecond)
	n.close()
	require.Eventually(t, func() bool { return time.Now().After(at) }, time.Minute, time.Millisecond)
	began := time.Now()
	n = open(t, o, 3, true)
	defer n.close()
	opened := time.Now()
	require.Eventually(t, func() bool { left, _ := n.broker.Jobs(); return left == int64(*backlogFlag) }, 10*time.Minute, time.Millisecond)
	require.Less(t, time.Since(opened), 5*time.Second)
	t.Logf("%d jobs: open within %s, and what was due delivered %s later", *backlogFlag, opened.Sub(began), time.Since(opened))
}
