package ha

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/test/harness"
)

// fill leaves n messages of about a kilobyte in ORDERS.
func fill(t *testing.T, url string, n int) {
	t.Helper()
	const batch = 1000
	ctx := within(t, 4*startLimit)
	conn, err := client.Dial(ctx, url, client.Options{})
	require.NoError(t, err)
	defer conn.Close(context.Background())
	session, err := conn.Session(ctx, client.Transacted)
	require.NoError(t, err)
	producer, err := session.Producer(ctx, orders, client.ProducerOptions{})
	require.NoError(t, err)
	body := strings.Repeat("x", 1000)
	for i := range n {
		require.NoError(t, producer.Send(ctx, client.NewText(body)))
		if i%batch == batch-1 || i == n-1 {
			require.NoError(t, session.Commit(ctx))
		}
	}
}

func (n *node) waitFollowing() {
	n.t.Helper()
	n.waitFor("following line", func() bool { return strings.Contains(n.text(), "the journal is followed") })
}

// number reads key=123 from the last line of the log that has it.
func (n *node) number(key string) int {
	n.t.Helper()
	found := regexp.MustCompile(`\b`+key+`"?[=:]"?(\d+)`).FindAllStringSubmatch(n.text(), -1)
	require.NotEmpty(n.t, found, "no %s in\n%s", key, n.text())
	value, err := strconv.Atoi(found[len(found)-1][1])
	require.NoError(n.t, err)
	return value
}

func (n *node) lines(with string) string {
	var lines []string
	for line := range strings.Lines(n.text()) {
		if strings.Contains(line, with) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}

// A slave that has followed the journal serves after the same time whatever
// the backlog: 100 ms are aimed at, ten times as much fails.
func TestStandbyServesABacklogAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	b := newNode(t, "b", dir).wait()
	b.waitFollowing()
	fill(t, a.url(), 200_000)
	s := newSender(t, failover(a, b))
	s.send(10)
	require.NoError(t, a.process.Kill())
	killed := time.Now()
	b.waitServing()
	t.Logf("port open %v after the kill; lock grant to ports %d ms\n%s\n%s", time.Since(killed), b.number("takeoverMS"),
		b.lines("had been followed"), b.lines("journal is open"))
	require.Contains(t, b.text(), "the journal had been followed")
	require.Less(t, b.number("takeoverMS"), 1000)
	require.Less(t, b.number("lagRecords"), 20_000, "it had not kept up")
	s.send(10)
}

// A slave that is told not to follow replays when it has the lock.
func TestColdStandby(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	b := newNode(t, "b", dir, "  hotStandby: false").wait()
	s := newSender(t, failover(a, b))
	s.send(10)
	require.NoError(t, a.process.Kill())
	s.send(10)
	require.NotContains(t, b.text(), "followed")
	drain(t, b.url(), 20)
}

// locked holds a directory's lock as a broker that does nothing would.
func locked(t *testing.T, dir string) (release func()) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	region := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	require.NoError(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &region))
	return func() {
		region.Type = unix.F_UNLCK
		require.NoError(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &region))
	}
}

// footprint is all that a directory shows of itself: names, inodes, sizes, and
// the times of change and modification; of the journal's files of access, too.
func footprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		require.NoError(t, err)
		var st unix.Stat_t
		require.NoError(t, unix.Lstat(path, &st))
		times := fmt.Sprint(st.Ctim, st.Mtim)
		if strings.HasPrefix(filepath.Base(path), "db-") { // others say who is master
			times += fmt.Sprint(st.Atim)
		}
		found[path] = fmt.Sprint(st.Ino, st.Mode, st.Size, st.Blocks, times)
		return nil
	}))
	return found
}

// TestSlaveChangesNothing: promise P8, as far as files show it, with what an
// idle slave costs.
func TestSlaveChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	fill(t, a.url(), 3000)
	require.NoError(t, a.process.Kill())
	require.NoError(t, a.process.WaitExit(startLimit))
	release := locked(t, dir)
	before := footprint(t, dir)
	b := newNode(t, "b", dir).wait()
	b.waitFollowing()
	require.Equal(t, before, footprint(t, dir))
	used, err := harness.UsageOf(b.process.Pid())
	require.NoError(t, err)
	const span = 3 * time.Second
	<-time.After(span) // what it does meanwhile is what is measured
	idle, err := harness.UsageOf(b.process.Pid())
	require.NoError(t, err)
	t.Logf("an idle slave: %.2f %% of a core, %d MiB resident", 100*(idle.CPU-used.CPU).Seconds()/span.Seconds(), idle.RSS>>20)
	require.Less(t, idle.CPU-used.CPU, span/10)
	require.Equal(t, before, footprint(t, dir))
	b.signal(syscall.SIGTERM)
	require.Zero(t, b.ends(startLimit))
	require.Equal(t, before, footprint(t, dir))
	release()
}
