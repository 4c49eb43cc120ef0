package ha

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/test/harness"
)

// seedVariable repeats a run of the tests that strike at random moments.
const seedVariable = "CONCLAVE_SEED"

func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv(seedVariable); given != "" {
		n, err := strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	t.Logf("%s=%d", seedVariable, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// load sends without a pause until stop, which returns how many were
// acknowledged and the longest time between two.
func (s *sender) load() (stop func() (int, time.Duration)) {
	end, ended := make(chan struct{}), make(chan struct{})
	var gap time.Duration
	var failure error
	go func() {
		defer close(ended)
		for last := time.Now(); ; {
			select {
			case <-end:
				return
			default:
			}
			if failure = s.producer.Send(s.t.Context(), client.NewText(fmt.Sprint("order ", s.next))); failure != nil {
				return
			}
			s.next++
			gap, last = max(gap, time.Since(last)), time.Now()
		}
	}()
	return func() (int, time.Duration) {
		close(end)
		<-ended
		require.NoError(s.t, failure)
		return s.next, gap
	}
}

func TestSwitchoverBackAndForth(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	b := newNode(t, "b", dir).wait()
	s := newSender(t, failover(a, b))
	stop := s.load()
	for i := range 6 {
		old, next := a, b
		if i%2 == 1 {
			old, next = b, a
		}
		pid, waits := old.process.Pid(), old.slaveLines()
		out, code := old.command("switchover", "-c", old.file)
		require.Zero(t, code, out)
		require.Contains(t, out, "broker "+next.name+" ")
		require.True(t, harness.Listening(next.port))
		old.waitFor("slave line", func() bool { return old.slaveLines() > waits })
		require.Equal(t, pid, old.waitRole("slave").PID, "it stays the same process")
		require.EqualValues(t, i+2, next.waitRole("master").Epoch)
	}
	sent, gap := stop()
	t.Logf("%d sends, longest gap %v", sent, gap)
	drain(t, failover(a, b), sent)
}

func TestSwitchoverToANode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	b, c, d := newNode(t, "b", dir).wait(), newNode(t, "c", dir).wait(), newNode(t, "d", dir).wait()
	s := newSender(t, failover(a, b, c, d))
	s.send(10)
	for i, next := range []*node{c, a, d} {
		old := []*node{a, c, a}[i]
		waits := old.slaveLines()
		out, code := old.command("switchover", "-c", old.file, "--to", next.name)
		require.Zero(t, code, out)
		require.Contains(t, out, "broker "+next.name+" ")
		s.send(10)
		old.waitFor("slave line", func() bool { return old.slaveLines() > waits })
	}
	require.True(t, harness.Listening(d.port))
	out, code := d.command("switchover", "-c", d.file, "--to", "nobody")
	require.Equal(t, 9, code, out)
	require.Contains(t, out, "nobody did not take the lock")
	s.send(10)
	drain(t, failover(a, b, c, d), 50)
}

func TestSwitchoverWithNobodyThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	s := newSender(t, failover(a))
	s.send(10)
	pid := a.process.Pid()
	out, code := a.command("switchover", "-c", a.file)
	require.Equal(t, 9, code, out)
	require.Contains(t, out, "nobody took the lock; the old master takes it again")
	s.send(10)
	after := a.waitRole("master")
	require.Equal(t, pid, after.PID)
	require.EqualValues(t, 2, after.Epoch)
	drain(t, a.url(), 20)
}

func TestSwitchoverIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kahadb")
	a := newNode(t, "a", dir).serve()
	b := newNode(t, "b", dir).wait()
	out, code := b.command("switchover", "-c", b.file)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "this node is not the master; the master is: broker a ")
	out, code = a.command("switchover", "-c", a.file, "--to", "a")
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "a is the master already")
	out, code = a.command("switchover", "-c", a.file, "--timeout", "1h")
	require.Equal(t, 2, code, out)
	require.EqualValues(t, 1, a.waitRole("master").Epoch)
	require.NoError(t, a.process.Kill())
	require.NoError(t, b.process.Kill())
	out, code = a.command("switchover", "-c", a.file)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "not running")
}

// handOverSteps are moments of a hand-over, as they show from outside.
var handOverSteps = []struct {
	name string
	wait func(old, next *node)
}{
	{"at once", func(_, _ *node) {}},
	{"when it had begun", func(old, _ *node) {
		old.waitFor("beginning", func() bool { return strings.Contains(old.text(), "handing the mastership over") })
	}},
	{"when its port was closed", func(old, _ *node) {
		old.waitFor("closing of its port", func() bool { return !harness.Listening(old.port) })
	}},
	{"when its successor had the lock", func(_, next *node) {
		next.waitFor("lock", func() bool { return strings.Contains(next.text(), "Using Persistence Adapter") })
	}},
	{"when its successor served", func(_, next *node) { next.waitServing() }},
}

// TestKilledWhileHandingOver: whatever of a hand-over a kill leaves, the
// ordinary failover does the rest.
func TestKilledWhileHandingOver(t *testing.T) {
	const rounds = 12
	r := random(t)
	dir := filepath.Join(t.TempDir(), "kahadb")
	old, next := newNode(t, "a", dir).serve(), newNode(t, "b", dir).wait()
	s := newSender(t, failover(old, next))
	stop := s.load()
	for i := range rounds {
		step := handOverSteps[r.IntN(len(handOverSteps))]
		answered := make(chan string, 1)
		go func(n *node) {
			out, code := n.command("switchover", "-c", n.file, "--to", []string{"", next.name}[i%2])
			answered <- fmt.Sprintf("exit code %d: %s", code, out)
		}(old)
		step.wait(old, next)
		require.NoError(t, old.process.Kill())
		next.waitServing()
		t.Logf("killed %s %s; %s", old.name, step.name, <-answered)
		old.wait()
		old, next = next, old
	}
	sent, gap := stop()
	t.Logf("%d sends, longest gap %v", sent, gap)
	require.GreaterOrEqual(t, sent, rounds)
	drain(t, failover(old, next), sent)
}
