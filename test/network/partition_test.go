//go:build network

package network

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// island is a network namespace that a cable leads to.
type island struct {
	t          *testing.T
	name       string
	host, here string // addresses of the two ends
}

func newIsland(t *testing.T) *island {
	t.Helper()
	n := os.Getpid() % 250
	i := &island{t: t, name: fmt.Sprintf("ccnet%d", os.Getpid()%100000), host: fmt.Sprintf("10.233.%d.1", n), here: fmt.Sprintf("10.233.%d.2", n)}
	i.ip("netns", "add", i.name)
	t.Cleanup(func() { i.ip("netns", "del", i.name) })
	i.ip("link", "add", i.name, "type", "veth", "peer", "name", "far", "netns", i.name)
	i.ip("addr", "add", i.host+"/30", "dev", i.name)
	i.ip("link", "set", i.name, "up")
	i.ip("-n", i.name, "addr", "add", i.here+"/30", "dev", "far")
	i.ip("-n", i.name, "link", "set", "far", "up")
	i.ip("-n", i.name, "link", "set", "lo", "up")
	return i
}

func (i *island) ip(args ...string) {
	i.t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	require.NoError(i.t, err, "ip %v (this needs root): %s", args, out)
}

// TestPartition has a duplex bridge between two network namespaces. Packets are
// dropped without a word, and pass again.
func TestPartition(t *testing.T) {
	i := newIsland(t)
	port := freePort(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "conclave.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `broker:
  brokerName: island
  persistenceAdapter: {kahaDB: {directory: %q}}
  transportConnectors: [{name: openwire, uri: "tcp://0.0.0.0:%d"}]
`, filepath.Join(dir, "kahadb"), port), 0o644))
	p, err := harness.StartProcess(dir, filepath.Join(dir, "log"), nil, "ip", "netns", "exec", i.name, lab.Binary, "start", "-c", file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Kill() })
	url := fmt.Sprintf("tcp://%s:%d", i.here, port)
	const silence = "wireFormat.maxInactivityDuration=1000&wireFormat.maxInactivityDurationInitalDelay=1000"
	main := newMember(t, harness.Conclave, "main")
	main.link("static:("+url+"?"+silence+")?initialReconnectDelay=100&maxReconnectDelay=500", `name="NC" duplex="true"`)
	m := main.start(t)
	awaitBridges(t, m, 1)

	out, back := message.NewQueue("OUT"), message.NewQueue("BACK")
	clientURL := "failover:(" + url + "?" + silence + ")?maxReconnectDelay=200"
	there, err := dial(t, clientURL).Consumer(t.Context(), out, client.ConsumerOptions{})
	require.NoError(t, err)
	here, err := dial(t, main.url()).Consumer(t.Context(), back, client.ConsumerOptions{})
	require.NoError(t, err)
	awaitDemand(t, main.url(), out)
	awaitDemand(t, url, back)
	sent, sentBack := 0, 0
	gotThere, gotHere := map[string]int{}, map[string]int{}
	for range 2 {
		i.ip("link", "set", i.name, "down")
		send(t, main.url(), out, sent, sent+100)
		sent += 100
		awaitBridges(t, m, 0)
		i.ip("link", "set", i.name, "up")
		awaitBridges(t, m, 1)
		send(t, clientURL, back, sentBack, sentBack+100)
		sentBack += 100
		takeAll(t, there, gotThere, sent)
		takeAll(t, here, gotHere, sentBack)
	}
	take(t, there, 300*time.Millisecond, gotThere)
	take(t, here, 300*time.Millisecond, gotHere)
	for _, got := range []map[string]int{gotThere, gotHere} {
		for text, n := range got {
			require.Equal(t, 1, n, "message %s", text)
		}
	}
}

// takeAll receives until there are so many different texts.
func takeAll(t *testing.T, c *client.Consumer, got map[string]int, count int) {
	t.Helper()
	for len(got) < count {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		d, err := c.Receive(ctx)
		cancel()
		require.NoError(t, err, "%d of %d", len(got), count)
		text, err := client.Text(d.Message)
		require.NoError(t, err)
		if d.RedeliveryCounter == 0 || got[text] == 0 {
			got[text]++
		}
	}
}
