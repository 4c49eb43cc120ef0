//go:build fault

package fault

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// A client that vanishes without a FIN is missed after maxInactivityDuration:
// the log says so, and what it had not acknowledged goes to another.
func TestClientThatVanishes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		// put gives the broker's address, what a client's command begins
		// with, and what makes the client vanish.
		put func(t *testing.T) (host string, run []string, vanish func(*harness.Process))
	}{
		{"process stopped", func(t *testing.T) (string, []string, func(*harness.Process)) {
			return "127.0.0.1", nil, func(p *harness.Process) { require.NoError(t, p.Signal(syscall.SIGSTOP)) }
		}},
		{"cable pulled", func(t *testing.T) (string, []string, func(*harness.Process)) {
			c := layCable(t)
			return c.host, []string{"ip", "netns", "exec", c.name}, func(*harness.Process) { c.pull() }
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			host, run, vanish := row.put(t)
			n := newNode(t, "", settings{host: host,
				uri: "wireFormat.maxInactivityDuration=2000&wireFormat.maxInactivityDurationInitalDelay=1000"}).serve()
			ledger := harness.NewLedger()
			s := newSender(t, n.url(), ledger, "p")
			s.sendAll(t, 100)

			out := filepath.Join(n.work, "consumer")
			consumer, err := harness.StartProcess(n.work, out, nil, append(run, lab.binary, "consumer", "--brokerUrl", n.url(),
				"--destination", "queue://ORDERS", "--ackMode", "CLIENT_ACKNOWLEDGE", "--batchSize", "1000")...)
			require.NoError(t, err)
			t.Cleanup(func() { _ = consumer.Kill() })
			require.True(t, harness.Eventually(patience, func() bool {
				b, _ := os.ReadFile(out)
				return strings.Contains(string(b), harness.Entry("p", 99))
			}), "the consumer gets nothing")
			vanish(consumer)

			l := startLoad(t, n.url(), ledger, 1, 512)
			n.waitLog("channel was inactive for too long (>2s)")
			l.finish()
			n.line("transport connection failed")
			drain(t, n.url(), ledger)
		})
	}
}

// cable joins this network namespace to another.
type cable struct {
	t    *testing.T
	name string // of the namespace, and of the near end
	host string // address of the near end
}

func layCable(t *testing.T) *cable {
	t.Helper()
	needsRoot(t)
	c := &cable{t: t, name: fmt.Sprintf("fault%d", os.Getpid()), host: fmt.Sprintf("10.231.%d.1", os.Getpid()%250)}
	far := strings.TrimSuffix(c.host, "1") + "2/24"
	c.ip("netns", "add", c.name)
	t.Cleanup(func() { c.ip("netns", "del", c.name) })
	c.ip("link", "add", c.name, "type", "veth", "peer", "name", "far", "netns", c.name)
	c.ip("addr", "add", c.host+"/24", "dev", c.name)
	c.ip("link", "set", c.name, "up")
	c.ip("-n", c.name, "addr", "add", far, "dev", "far")
	c.ip("-n", c.name, "link", "set", "far", "up")
	return c
}

// pull takes the cable out: no packet passes any more.
func (c *cable) pull() { c.ip("-n", c.name, "link", "set", "far", "down") }

func (c *cable) ip(args ...string) {
	c.t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	require.NoError(c.t, err, "ip %s: %s", strings.Join(args, " "), out)
}
