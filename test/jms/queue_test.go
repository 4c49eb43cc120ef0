//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

// groupPolicies are for the cases of the same names.
const groupPolicies = `destinationPolicy:
  policyMap:
    policyEntries:
      - {queue: IT.group.map.bucket.>, messageGroupMapFactoryType: "bucket?bucketCount=1"}
      - {queue: IT.group.map.simple.>, messageGroupMapFactoryType: simple}
      - {queue: IT.group.map.cached.1.>, messageGroupMapFactory: {cachedMessageGroupMapFactory: {cacheSize: 1}}}
      - {queue: IT.group.starts.with.two.>, consumersBeforeDispatchStarts: 2, timeBeforeDispatchStarts: 20000}
      - {queue: IT.group.starts.late.>, timeBeforeDispatchStarts: 500}
`

const groupPoliciesXML = `<destinationPolicy><policyMap><policyEntries>
<policyEntry queue="IT.group.map.bucket.>" messageGroupMapFactoryType="bucket?bucketCount=1"/>
<policyEntry queue="IT.group.map.simple.>" messageGroupMapFactoryType="simple"/>
<policyEntry queue="IT.group.map.cached.1.>"><messageGroupMapFactory><cachedMessageGroupMapFactory cacheSize="1"/></messageGroupMapFactory></policyEntry>
<policyEntry queue="IT.group.starts.with.two.>" consumersBeforeDispatchStarts="2" timeBeforeDispatchStarts="20000"/>
<policyEntry queue="IT.group.starts.late.>" timeBeforeDispatchStarts="500"/>
</policyEntries></policyMap></destinationPolicy>`

func TestMessageGroups(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{Broker: groupPolicies, XML: groupPoliciesXML}, 20, "GroupCases")
}

const consumerPolicies = `destinationPolicy:
  policyMap:
    defaultEntry:
      deadLetterStrategy: {individualDeadLetterStrategy: {queuePrefix: DLQ., useQueueForQueueMessages: true}}
    policyEntries:
      - {queue: IT.consumer.exclusive.by.default.>, allConsumersExclusiveByDefault: true}
      - {queue: IT.consumer.priority.unused.>, useConsumerPriority: false}
      - {queue: IT.consumer.strict.order.>, strictOrderDispatch: true}
      - {queue: IT.consumer.policy.prefetch.2.>, queuePrefetch: 2}
      - {queue: IT.consumer.policy.prefetch.0.>, queuePrefetch: 0}
      - {topic: IT.consumer.option.pending.limit.>, pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 20}}}
      - {topic: IT.consumer.policy.prefetch.topics.>, topicPrefetch: 3, durableTopicPrefetch: 2}
      - {queue: IT.consumer.no.extension.>, usePrefetchExtension: false}
      - {queue: IT.consumer.browser.prefetch.>, queueBrowserPrefetch: 3}
`

const consumerPoliciesXML = `<destinationPolicy><policyMap>
<defaultEntry><policyEntry><deadLetterStrategy><individualDeadLetterStrategy queuePrefix="DLQ."/></deadLetterStrategy></policyEntry></defaultEntry>
<policyEntries>
<policyEntry queue="IT.consumer.exclusive.by.default.>" allConsumersExclusiveByDefault="true"/>
<policyEntry queue="IT.consumer.priority.unused.>" useConsumerPriority="false"/>
<policyEntry queue="IT.consumer.strict.order.>" strictOrderDispatch="true"/>
<policyEntry queue="IT.consumer.policy.prefetch.2.>" queuePrefetch="2"/>
<policyEntry queue="IT.consumer.policy.prefetch.0.>" queuePrefetch="0"/>
<policyEntry topic="IT.consumer.option.pending.limit.>"><pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="20"/></pendingMessageLimitStrategy></policyEntry>
<policyEntry topic="IT.consumer.policy.prefetch.topics.>" topicPrefetch="3" durableTopicPrefetch="2"/>
<policyEntry queue="IT.consumer.no.extension.>" usePrefetchExtension="false"/>
<policyEntry queue="IT.consumer.browser.prefetch.>" queueBrowserPrefetch="3"/>
</policyEntries></policyMap></destinationPolicy>`

func TestConsumers(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{Broker: consumerPolicies, XML: consumerPoliciesXML}, 39, "ConsumerCases")
}
