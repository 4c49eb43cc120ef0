//go:build network

package network

import (
	"context"
	"flag"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

var advisoriesFlag = flag.String("advisories", string(harness.Conclave), "the broker whose advisories are read; activemq compares")

// advisories are the lines of a running Advisories.java.
func advisories(t *testing.T, url, topic string, count int) func() []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	p, err := lab.Java.Start(ctx, "Advisories", url, topic, strconv.Itoa(count))
	require.NoError(t, err)
	require.Equal(t, "READY", <-p.Lines, "%s", p.Stderr())
	return func() []string {
		var lines []string
		for line := range p.Lines {
			lines = append(lines, line)
		}
		require.NoError(t, p.Wait())
		return lines
	}
}

// What a Java client reads of bridges, and of demand for virtual destinations.
func TestAdvisories(t *testing.T) {
	a, b := newMember(t, harness.Kind(*advisoriesFlag), "a"), newMember(t, harness.Conclave, "b")
	a.link("static:("+b.url()+")", "")
	a.more = "useVirtualDestSubs: true\n"
	a.XMLAttributes = `useVirtualDestSubs="true"`
	a.JVM = smallJVM
	first := a.start(t)
	seen := advisories(t, a.url(), "NetworkBridge", 2)
	second := b.start(t)
	awaitLog(t, first, "has been established")
	require.NoError(t, second.Kill())
	require.Equal(t, []string{
		"NetworkBridge broker b createdByDuplex=false originBrokerId=* originBrokerName=* originBrokerURL=* remoteIp=* started=true",
		"NetworkBridge broker b originBrokerId=* originBrokerName=* originBrokerURL=* started=false",
	}, seen())

	seen = advisories(t, a.url(), "VirtualDestination.Consumer.>", 2)
	receiving := run(t, "receive", a.url(), "queue:Consumer.x.VirtualTopic.t", 1)
	run(t, "send", a.url(), "topic:VirtualTopic.t", 1).ends()
	receiving.ends()
	lines := seen()
	require.Equal(t, "VirtualDestination.Consumer.Topic.VirtualTopic.t consumer of topic://VirtualTopic.t"+
		" consumerCount=0 originBrokerId=* originBrokerName=* originBrokerURL=*", lines[0])
	require.Regexp(t, "^VirtualDestination.Consumer.Topic.VirtualTopic.[t>] removal of ConsumerId consumerCount=0 origin", lines[1])
}
