//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

// toldPolicies have all advisories on where a name has "told" in it. The
// pattern's first elements are what Env puts before a name.
const toldPolicies = `
anonymousProducerAdvisorySupport: true
destinationPolicy:
  policyMap:
    policyEntries:
      - {queue: "IT.advisory.told.>", advisoryForSlowConsumers: true, advisoryForFastProducers: true, advisoryWhenFull: true,
         advisoryForDelivery: true, advisoryForConsumed: true, advisoryForDispatched: true, sendAdvisoryIfNoConsumers: true}
      - {queue: "IT.advisory.told.delivered.consumed.*.*.told.body", advisoryForDelivery: true, includeBodyForAdvisory: true}
      - {queue: "IT.advisory.told.full.>", advisoryForFastProducers: true, advisoryWhenFull: true, memoryLimit: 1mb, pendingQueuePolicy: {vmQueueCursor: }}
      - topic: "IT.advisory.told.>"
        advisoryForSlowConsumers: true
        advisoryForDiscardingMessages: true
        advisoryForDelivery: true
        sendAdvisoryIfNoConsumers: true
        pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 10}}
`

const toldXML = `
<destinationPolicy><policyMap><policyEntries>
<policyEntry queue="IT.advisory.told.&gt;" advisoryForSlowConsumers="true" advisoryForFastProducers="true" advisoryWhenFull="true"
  advisoryForDelivery="true" advisoryForConsumed="true" sendAdvisoryIfNoConsumers="true"/>
<policyEntry queue="IT.advisory.told.delivered.consumed.*.*.told.body" advisoryForDelivery="true" includeBodyForAdvisory="true"/>
<policyEntry queue="IT.advisory.told.full.&gt;" advisoryForFastProducers="true" advisoryWhenFull="true" memoryLimit="1mb"><pendingQueuePolicy><vmQueueCursor/></pendingQueuePolicy></policyEntry>
<policyEntry topic="IT.advisory.told.&gt;" advisoryForSlowConsumers="true" advisoryForDiscardingMessages="true" advisoryForDelivery="true" sendAdvisoryIfNoConsumers="true">
<pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="10"/></pendingMessageLimitStrategy>
</policyEntry>
</policyEntries></policyMap></destinationPolicy>`

func TestAdvisories(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{
		Broker: toldPolicies, XML: toldXML, XMLAttributes: `anonymousProducerAdvisorySupport="true"`,
	}, 20, "AdvisoryCases")
}
