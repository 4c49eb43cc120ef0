//go:build network

package network

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/network/discovery"
	"github.com/conclavemq/conclave/test/harness"
)

// smallJVM keeps an ActiveMQ from taking the machine.
var smallJVM = []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}

// found is what an agent reports.
type found struct{ added, removed chan discovery.Service }

func (f found) Added(s discovery.Service)   { f.added <- s }
func (f found) Removed(s discovery.Service) { f.removed <- s }

func next(t *testing.T, from chan discovery.Service, limit time.Duration) discovery.Service {
	t.Helper()
	select {
	case s := <-from:
		return s
	case <-time.After(limit):
		require.Fail(t, "nothing was reported")
		return discovery.Service{}
	}
}

// ActiveMQ and Conclave announce themselves to one multicast group, and each
// finds the other there.
func TestMulticastWithActiveMQ(t *testing.T) {
	group := fmt.Sprintf("multicast://239.255.2.3:%d?group=interop&networkInterface=lo&joinNetworkInterface=lo", freePort(t))
	u, err := discovery.Parse(group)
	require.NoError(t, err)
	agent := discovery.New(u, discovery.Options{})
	seen := found{make(chan discovery.Service, 10), make(chan discovery.Service, 10)}
	agent.Start(seen)
	defer agent.Close()

	conclave := lab.NewBroker(t, harness.Options{Name: "ours", Connector: map[string]string{"discoveryUri": group}})
	require.NoError(t, conclave.StartServing(startLimit))
	ours := next(t, seen.added, 10*time.Second)
	require.Equal(t, conclave.URL(), ours.URI)
	require.Equal(t, "ours", ours.Broker)

	c := newClients(t, 1, "discovery:("+group+")")
	require.Equal(t, map[string]int{fmt.Sprint(conclave.Port()): 1}, c.look(), "an application finds its broker there, too")

	theirs := lab.NewBroker(t, harness.Options{Kind: harness.ActiveMQ, Name: "theirs", JVM: smallJVM,
		Connector: map[string]string{"discoveryUri": group},
		XML:       `<networkConnectors><networkConnector uri="` + strings.ReplaceAll(group, "&", "&amp;") + `"/></networkConnectors>`,
	})
	require.NoError(t, theirs.StartServing(startLimit))
	service := next(t, seen.added, 30*time.Second)
	require.Regexp(t, fmt.Sprintf("^tcp://(127.0.0.1|localhost):%d$", theirs.Port()), service.Name)
	require.Equal(t, "localhost", service.Broker, "ActiveMQ never says its name")
	awaitLog(t, theirs, "Establishing network connection from vm://theirs to "+conclave.URL())

	require.NoError(t, conclave.Stop(10*time.Second))
	require.Equal(t, ours, next(t, seen.removed, 3*time.Second), "a broker that stops says so")
	require.NoError(t, theirs.Kill())
	killed := time.Now()
	require.Equal(t, service, next(t, seen.removed, 20*time.Second))
	require.Greater(t, time.Since(killed), 3*time.Second, "ten of its packets have to be missing")
}

func awaitLog(t *testing.T, b *harness.Broker, text string) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !strings.Contains(b.Log(), text); <-time.After(50 * time.Millisecond) {
		require.True(t, time.Now().Before(until), "%s does not say: %s", b.Name(), text)
	}
}
