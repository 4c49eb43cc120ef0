//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

// topicPolicies gives each case of TopicPolicyCases the policy of its name.
const topicPolicies = `
destinationPolicy:
  policyMap:
    policyEntries:
    - topic: IT.tp.oldest.>
      pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 3}}
    - topic: IT.tp.lowest.>
      pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 3}}
      messageEvictionStrategy: {oldestMessageWithLowestPriorityEvictionStrategy: {}}
    - topic: IT.tp.priority.>
      prioritizedMessages: true
      pendingSubscriberPolicy: {vmCursor: {}}
    - topic: IT.tp.priority.limit.>
      prioritizedMessages: true
      pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 3}}
    - topic: IT.tp.unique.>
      pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 3}}
      messageEvictionStrategy: {uniquePropertyMessageEvictionStrategy: {propertyName: colour}}
    - topic: IT.tp.rate.>
      pendingMessageLimitStrategy: {prefetchRatePendingMessageLimitStrategy: {multiplier: 1.5}}
    - topic: IT.tp.zero.>
      pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 0}}
    - topic: IT.tp.consumer.limit.>
      pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 5}}
    - topic: IT.tp.dead.letter.>
      pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 1}}
      deadLetterStrategy: {individualDeadLetterStrategy: {topicPrefix: TP.DLQ.}}
    - topic: IT.tp.slow.beside.fast.>
      pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 10}}
    - topic: IT.tp.count.>
      subscriptionRecoveryPolicy: {fixedCountSubscriptionRecoveryPolicy: {maximumSize: 3}}
    - topic: IT.tp.last.>
      subscriptionRecoveryPolicy: {lastImageSubscriptionRecoveryPolicy: {}}
    - topic: IT.tp.sized.>
      subscriptionRecoveryPolicy: {fixedSizedSubscriptionRecoveryPolicy: {maximumSize: 64 kb}}
    - topic: IT.tp.timed.>
      subscriptionRecoveryPolicy: {timedSubscriptionRecoveryPolicy: {recoverDuration: 2000}}
    - topic: IT.tp.always.>
      alwaysRetroactive: true
      subscriptionRecoveryPolicy: {fixedCountSubscriptionRecoveryPolicy: {maximumSize: 3}}
    - topic: IT.tp.retroactive.durable.>
      subscriptionRecoveryPolicy: {fixedCountSubscriptionRecoveryPolicy: {maximumSize: 3}}
    - topic: IT.tp.strict.>
      dispatchPolicy: {strictOrderDispatchPolicy: {}}
    - topic: IT.tp.client.>
      dispatchPolicy: {clientIdFilterDispatchPolicy: {}}
    - topic: IT.tp.abort.>
      slowConsumerStrategy: {abortSlowConsumerStrategy: {maxSlowDuration: 400, checkPeriod: 200}}
    - topic: IT.tp.abort.connection.>
      slowConsumerStrategy: {abortSlowConsumerStrategy: {maxSlowDuration: 400, checkPeriod: 200, abortConnection: true}}
    - topic: IT.tp.slowack.>
      slowConsumerStrategy: {abortSlowAckConsumerStrategy: {maxSlowDuration: 400, checkPeriod: 200, maxTimeSinceLastAck: 500}}
    - queue: IT.tp.slowack.>
      slowConsumerStrategy: {abortSlowAckConsumerStrategy: {maxSlowDuration: 400, checkPeriod: 200, maxTimeSinceLastAck: 500}}
`

// topicPoliciesXML is the same for ActiveMQ.
const topicPoliciesXML = `<destinationPolicy><policyMap><policyEntries>
<policyEntry topic="IT.tp.oldest.&gt;"><pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="3"/></pendingMessageLimitStrategy></policyEntry>
<policyEntry topic="IT.tp.lowest.&gt;">
  <messageEvictionStrategy><oldestMessageWithLowestPriorityEvictionStrategy/></messageEvictionStrategy>
  <pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="3"/></pendingMessageLimitStrategy></policyEntry>
<policyEntry topic="IT.tp.priority.&gt;" prioritizedMessages="true"><pendingSubscriberPolicy><vmCursor/></pendingSubscriberPolicy></policyEntry>
<policyEntry topic="IT.tp.unique.&gt;">
  <messageEvictionStrategy><uniquePropertyMessageEvictionStrategy propertyName="colour"/></messageEvictionStrategy>
  <pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="3"/></pendingMessageLimitStrategy></policyEntry>
<policyEntry topic="IT.tp.rate.&gt;"><pendingMessageLimitStrategy><prefetchRatePendingMessageLimitStrategy multiplier="1.5"/></pendingMessageLimitStrategy></policyEntry>
<policyEntry topic="IT.tp.zero.&gt;"><pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="0"/></pendingMessageLimitStrategy></policyEntry>
<policyEntry topic="IT.tp.consumer.limit.&gt;"><pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="5"/></pendingMessageLimitStrategy></policyEntry>
<policyEntry topic="IT.tp.dead.letter.&gt;">
  <deadLetterStrategy><individualDeadLetterStrategy topicPrefix="TP.DLQ."/></deadLetterStrategy>
  <pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="1"/></pendingMessageLimitStrategy></policyEntry>
<policyEntry topic="IT.tp.slow.beside.fast.&gt;"><pendingMessageLimitStrategy><constantPendingMessageLimitStrategy limit="10"/></pendingMessageLimitStrategy></policyEntry>
<policyEntry topic="IT.tp.count.&gt;"><subscriptionRecoveryPolicy><fixedCountSubscriptionRecoveryPolicy maximumSize="3"/></subscriptionRecoveryPolicy></policyEntry>
<policyEntry topic="IT.tp.last.&gt;"><subscriptionRecoveryPolicy><lastImageSubscriptionRecoveryPolicy/></subscriptionRecoveryPolicy></policyEntry>
<policyEntry topic="IT.tp.sized.&gt;"><subscriptionRecoveryPolicy><fixedSizedSubscriptionRecoveryPolicy maximumSize="65536"/></subscriptionRecoveryPolicy></policyEntry>
<policyEntry topic="IT.tp.timed.&gt;"><subscriptionRecoveryPolicy><timedSubscriptionRecoveryPolicy recoverDuration="2000"/></subscriptionRecoveryPolicy></policyEntry>
<policyEntry topic="IT.tp.always.&gt;" alwaysRetroactive="true"><subscriptionRecoveryPolicy><fixedCountSubscriptionRecoveryPolicy maximumSize="3"/></subscriptionRecoveryPolicy></policyEntry>
<policyEntry topic="IT.tp.retroactive.durable.&gt;"><subscriptionRecoveryPolicy><fixedCountSubscriptionRecoveryPolicy maximumSize="3"/></subscriptionRecoveryPolicy></policyEntry>
<policyEntry topic="IT.tp.strict.&gt;"><dispatchPolicy><strictOrderDispatchPolicy/></dispatchPolicy></policyEntry>
<policyEntry topic="IT.tp.client.&gt;"><dispatchPolicy><clientIdFilterDispatchPolicy/></dispatchPolicy></policyEntry>
<policyEntry topic="IT.tp.abort.&gt;"><slowConsumerStrategy><abortSlowConsumerStrategy maxSlowDuration="400" checkPeriod="200"/></slowConsumerStrategy></policyEntry>
<policyEntry topic="IT.tp.abort.connection.&gt;"><slowConsumerStrategy><abortSlowConsumerStrategy maxSlowDuration="400" checkPeriod="200" abortConnection="true"/></slowConsumerStrategy></policyEntry>
<policyEntry topic="IT.tp.slowack.&gt;"><slowConsumerStrategy><abortSlowAckConsumerStrategy maxSlowDuration="400" checkPeriod="200" maxTimeSinceLastAck="500"/></slowConsumerStrategy></policyEntry>
<policyEntry queue="IT.tp.slowack.&gt;"><slowConsumerStrategy><abortSlowAckConsumerStrategy maxSlowDuration="400" checkPeriod="200" maxTimeSinceLastAck="500"/></slowConsumerStrategy></policyEntry>
</policyEntries></policyMap></destinationPolicy>`

func TestTopicPolicies(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{Broker: topicPolicies, XML: topicPoliciesXML}, 31, "TopicPolicyCases")
}
