//go:build jms

package jms

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

func TestDurable(t *testing.T) {
	t.Parallel()
	cases := 23
	if lab.Kind == harness.Conclave {
		cases++ // ActiveMQ fails it
	}
	runCases(t, harness.Options{}, cases, "DurableCases")
}

func TestSessionOptions(t *testing.T) {
	t.Parallel()
	cases := 3
	if lab.Kind == harness.Conclave {
		cases++ // ActiveMQ 5.17 has no maxUncommittedCount
	}
	runCases(t, harness.Options{
		URIOptions: "allowLinkStealing=true",
		Broker:     "{keepDurableSubsActive: false, offlineDurableSubscriberTimeout: 1000, offlineDurableSubscriberTaskSchedule: 500, maxUncommittedCount: 10}",
		XMLAttributes: `keepDurableSubsActive="false" offlineDurableSubscriberTimeout="1000"
			offlineDurableSubscriberTaskSchedule="500"`,
	}, cases, "SessionOptionCases")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	port, err := harness.FreePort()
	require.NoError(t, err)
	runCases(t, harness.Options{
		Port: port,
		Broker: fmt.Sprintf("{rejectDurableConsumers: true, rollbackOnlyOnAsyncException: false, transportConnectors: "+
			"[{uri: \"tcp://127.0.0.1:%d\"}, {uri: \"tcp://127.0.0.1:0\", allowLinkStealing: true}]}", port),
		XMLAttributes: `rejectDurableConsumers="true" rollbackOnlyOnAsyncException="false"`,
	}, 3, "RejectCases")
}
