//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

const deadLetterPolicies = `
destinationPolicy:
  policyMap:
    policyEntries:
      - {queue: "IT.dead.individual.>", deadLetterStrategy: {individualDeadLetterStrategy: {queuePrefix: "IND.Q.", queueSuffix: ".end"}}}
      - {topic: "IT.dead.individual.>", deadLetterStrategy: {individualDeadLetterStrategy: {topicPrefix: "IND.T."}}}
      - {topic: "IT.dead.durable.one.>", deadLetterStrategy: {individualDeadLetterStrategy: {topicPrefix: "IND.T."}}}
      - topic: "IT.dead.durable.each.>"
        deadLetterStrategy: {individualDeadLetterStrategy: {topicPrefix: "EACH.", destinationPerDurableSubscriber: true, enableAudit: false}}
      - {queue: "IT.dead.shared.topic.>", deadLetterStrategy: {sharedDeadLetterStrategy: {deadLetterQueue: {topic: {physicalName: DEAD.TOPIC}}}}}
      - {queue: "LOOP.DLQ", deadLetterStrategy: {sharedDeadLetterStrategy: {deadLetterQueue: {queue: {physicalName: LOOP.DLQ}}}}}
      - {queue: "IT.dead.discard.>", deadLetterStrategy: {discarding: }}
      - {queue: "IT.dead.mortal.>", deadLetterStrategy: {sharedDeadLetterStrategy: {deadLetterQueue: {queue: {physicalName: MORTAL.DLQ}}, expiration: 60000}}}
      - {queue: "IT.dead.transient.dropped.>", deadLetterStrategy: {individualDeadLetterStrategy: {queuePrefix: "DROPPED."}}}
      - {queue: "IT.dead.expired.dropped.>", deadLetterStrategy: {individualDeadLetterStrategy: {queuePrefix: "DROPPED.", processExpired: false}}}
      - queue: "IT.dead.>"
        expireMessagesPeriod: 500
        deadLetterStrategy: {individualDeadLetterStrategy: {queuePrefix: "KEPT.", processNonPersistent: true}}
      - topic: "IT.dead.>"
        expireMessagesPeriod: 500
        deadLetterStrategy: {individualDeadLetterStrategy: {topicPrefix: "KEPT."}}
`

const deadLetterXML = `<destinationPolicy><policyMap><policyEntries>
<policyEntry queue="IT.dead.individual.&gt;"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="IND.Q." queueSuffix=".end"/></deadLetterStrategy></policyEntry>
<policyEntry topic="IT.dead.individual.&gt;"><deadLetterStrategy><individualDeadLetterStrategy topicPrefix="IND.T."/></deadLetterStrategy></policyEntry>
<policyEntry topic="IT.dead.durable.one.&gt;"><deadLetterStrategy><individualDeadLetterStrategy topicPrefix="IND.T."/></deadLetterStrategy></policyEntry>
<policyEntry topic="IT.dead.durable.each.&gt;"><deadLetterStrategy><individualDeadLetterStrategy topicPrefix="EACH." destinationPerDurableSubscriber="true" enableAudit="false"/></deadLetterStrategy></policyEntry>
<policyEntry queue="IT.dead.shared.topic.&gt;"><deadLetterStrategy><sharedDeadLetterStrategy><deadLetterQueue><topic physicalName="DEAD.TOPIC"/></deadLetterQueue></sharedDeadLetterStrategy></deadLetterStrategy></policyEntry>
<policyEntry queue="LOOP.DLQ"><deadLetterStrategy><sharedDeadLetterStrategy><deadLetterQueue><queue physicalName="LOOP.DLQ"/></deadLetterQueue></sharedDeadLetterStrategy></deadLetterStrategy></policyEntry>
<policyEntry queue="IT.dead.discard.&gt;"><deadLetterStrategy><discarding/></deadLetterStrategy></policyEntry>
<policyEntry queue="IT.dead.mortal.&gt;"><deadLetterStrategy><sharedDeadLetterStrategy expiration="60000"><deadLetterQueue><queue physicalName="MORTAL.DLQ"/></deadLetterQueue></sharedDeadLetterStrategy></deadLetterStrategy></policyEntry>
<policyEntry queue="IT.dead.transient.dropped.&gt;"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="DROPPED."/></deadLetterStrategy></policyEntry>
<policyEntry queue="IT.dead.expired.dropped.&gt;"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="DROPPED." processExpired="false"/></deadLetterStrategy></policyEntry>
<policyEntry queue="IT.dead.&gt;" expireMessagesPeriod="500"><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="KEPT." processNonPersistent="true"/></deadLetterStrategy></policyEntry>
<policyEntry topic="IT.dead.&gt;" expireMessagesPeriod="500"><deadLetterStrategy><individualDeadLetterStrategy topicPrefix="KEPT."/></deadLetterStrategy></policyEntry>
</policyEntries></policyMap></destinationPolicy>`

func TestDeadLetterPolicies(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{Broker: deadLetterPolicies, XML: deadLetterXML}, 16, "DeadLetterPolicyCases")
}
