//go:build network

package network

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// samples are configurations of etc, with ports of their own.
type samples struct {
	t     *testing.T
	dir   string
	ports map[string]int // by the port in the files

	started int
}

func newSamples(t *testing.T, ports ...string) *samples {
	s := &samples{t: t, dir: t.TempDir(), ports: map[string]int{}}
	for _, p := range ports {
		s.ports[p] = freePort(t)
	}
	return s
}

// start runs a sample in the directory of all, with properties "-D", "a=b", ….
func (s *samples) start(name string, properties ...string) *harness.Process {
	s.t.Helper()
	root, err := harness.ModuleRoot()
	require.NoError(s.t, err)
	text, err := os.ReadFile(filepath.Join(root, "etc", name))
	require.NoError(s.t, err)
	changed := string(text)
	for from, to := range s.ports {
		changed = strings.ReplaceAll(changed, ":"+from, fmt.Sprint(":", to))
	}
	file := filepath.Join(s.dir, name)
	require.NoError(s.t, os.WriteFile(file, []byte(changed), 0o600))
	s.started++
	log := filepath.Join(s.dir, fmt.Sprintf("%s-%d.log", name, s.started))
	p, err := harness.StartProcess(s.dir, log, nil, append([]string{lab.Binary, "start", "-c", file}, properties...)...)
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		require.NoError(s.t, p.Kill())
		if s.t.Failed() {
			text, _ := os.ReadFile(log)
			s.t.Logf("%s: %s", filepath.Base(log), text)
		}
	})
	return p
}

func (s *samples) url(host, port string) string {
	return fmt.Sprintf("tcp://%s:%d", host, s.ports[port])
}

// pass has messages sent at one place arrive at another.
func (s *samples) pass(queue, from, to string) {
	const few = 20
	receive := run(s.t, "receive", to, "queue:"+queue, few)
	run(s.t, "send", from, "queue:"+queue, few).ends()
	receive.ends()
}

// The combined deployment as it is documented: A, and B with its slave C.
func TestCombinedSample(t *testing.T) {
	s := newSamples(t, "61616", "61617", "61618")
	s.start("combined-a.yaml")
	b := s.start("combined-b.yaml")
	await(t, s.url("127.0.0.1", "61617"))
	s.start("combined-c.yaml")
	pair := fmt.Sprintf("failover:(%s,%s)?updateURIsSupported=false", s.url("127.0.0.1", "61617"), s.url("127.0.0.1", "61618"))
	a := "failover:(" + s.url("127.0.0.1", "61616") + ")?updateURIsSupported=false"
	s.pass("before", a, pair)
	require.NoError(t, b.Kill())
	s.pass("after", a, pair)
	s.pass("back", pair, a)
}

// Two groups on two hosts, which here are two addresses of this one.
func TestTwoByTwoSample(t *testing.T) {
	s := newSamples(t, "61616", "61617")
	hosts := []string{"127.0.0.1", "127.0.0.2"}
	properties := func(host string) []string {
		return []string{"-D", "HOST=" + host, "-D", "HOST1=" + hosts[0], "-D", "HOST2=" + hosts[1], "-D", "STORE=" + s.dir}
	}
	lost := s.start("2x2-a.yaml", properties(hosts[0])...)
	s.start("2x2-b.yaml", properties(hosts[1])...)
	await(t, s.url(hosts[0], "61616"))
	await(t, s.url(hosts[1], "61617"))
	s.start("2x2-a.yaml", properties(hosts[1])...)
	s.start("2x2-b.yaml", properties(hosts[0])...)
	group := func(port string) string {
		return fmt.Sprintf("failover:(%s,%s)?updateURIsSupported=false", s.url(hosts[0], port), s.url(hosts[1], port))
	}
	s.pass("before", group("61616"), group("61617"))
	require.NoError(t, lost.Kill())
	s.pass("after", group("61617"), group("61616"))
}

// await waits until somebody listens.
func await(t *testing.T, url string) {
	t.Helper()
	address := strings.TrimPrefix(url, "tcp://")
	for until := time.Now().Add(startLimit); !accepts(address); <-time.After(20 * time.Millisecond) {
		require.True(t, time.Now().Before(until), "nobody listens at %s", address)
	}
}

func accepts(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
