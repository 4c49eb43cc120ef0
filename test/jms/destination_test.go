//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

func TestDestinations(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{
		Broker: `
schedulePeriodForDestinationPurge: 200
destinations:
  - queue: {physicalName: START.QUEUE}
  - topic: {physicalName: START.TOPIC}
destinationPolicy:
  policyMap:
    policyEntries:
      - {queue: "LIMITED.>", maxDestinations: 2}
      - {queue: "PURGED.>", gcInactiveDestinations: true, inactiveTimoutBeforeGC: 600}
plugins:
  destinationPathSeparatorPlugin: {pathSeparator: "/"}
`,
		XMLAttributes: `schedulePeriodForDestinationPurge="200"`,
		XML: `<destinations><queue physicalName="START.QUEUE"/><topic physicalName="START.TOPIC"/></destinations>
<destinationPolicy><policyMap><policyEntries>
<policyEntry queue="LIMITED.>" maxDestinations="2"/>
<policyEntry queue="PURGED.>" gcInactiveDestinations="true" inactiveTimoutBeforeGC="600"/>
</policyEntries></policyMap></destinationPolicy>
<plugins><destinationPathSeparatorPlugin pathSeparator="/"/></plugins>`,
	}, 20, "DestinationCases")
}

func TestInterceptors(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{
		Broker: `
destinationInterceptors:
  - virtualDestinationInterceptor:
      virtualDestinations:
        - compositeQueue:
            name: MY.QUEUE
            forwardTo: [{queue: {physicalName: FOO}}, {topic: {physicalName: BAR}}]
        - compositeTopic:
            name: MY.TOPIC
            forwardTo: [{queue: {physicalName: FOO}}, {topic: {physicalName: BAR}}]
        - compositeQueue:
            name: FILTERED
            forwardTo:
              - filteredDestination: {selector: "odd = 'yes'", queue: ODD}
              - filteredDestination: {selector: "odd = 'no'", topic: EVEN}
        - compositeQueue:
            name: KEPT
            forwardOnly: false
            forwardTo: [{queue: {physicalName: KEPT.COPY}}]
        - compositeQueue:
            name: A.B
            sendWhenNotMatched: true
            forwardTo: [{filteredDestination: {selector: "odd = 'yes'", queue: A.C}}]
        - compositeQueue:
            name: NEST
            forwardTo: [{topic: {physicalName: PUBLISHED.NESTED}}]
        - virtualTopic: {name: "PUBLISHED.>", prefix: "To.*.", postfix: ".END"}
        - virtualTopic: {name: "AWARE.>", prefix: "Aware.*.", selectorAware: true}
        - virtualTopic: {name: "SAME.>", prefix: "Same.*.", setOriginalDestination: false}
`,
		XML: `<destinationInterceptors><virtualDestinationInterceptor><virtualDestinations>
<compositeQueue name="MY.QUEUE"><forwardTo><queue physicalName="FOO"/><topic physicalName="BAR"/></forwardTo></compositeQueue>
<compositeTopic name="MY.TOPIC"><forwardTo><queue physicalName="FOO"/><topic physicalName="BAR"/></forwardTo></compositeTopic>
<compositeQueue name="FILTERED"><forwardTo><filteredDestination selector="odd = 'yes'" queue="ODD"/><filteredDestination selector="odd = 'no'" topic="EVEN"/></forwardTo></compositeQueue>
<compositeQueue name="KEPT" forwardOnly="false"><forwardTo><queue physicalName="KEPT.COPY"/></forwardTo></compositeQueue>
<compositeQueue name="A.B" sendWhenNotMatched="true"><forwardTo><filteredDestination selector="odd = 'yes'" queue="A.C"/></forwardTo></compositeQueue>
<compositeQueue name="NEST"><forwardTo><topic physicalName="PUBLISHED.NESTED"/></forwardTo></compositeQueue>
<virtualTopic name="PUBLISHED.>" prefix="To.*." postfix=".END"/>
<virtualTopic name="AWARE.>" prefix="Aware.*." selectorAware="true"/>
<virtualTopic name="SAME.>" prefix="Same.*." setOriginalDestination="false"/>
</virtualDestinations></virtualDestinationInterceptor></destinationInterceptors>`,
	}, 11, "InterceptorCases")
}

func TestMirroredQueues(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{Broker: "useMirroredQueues: true", XMLAttributes: `useMirroredQueues="true"`}, 4, "MirrorCases")
}
