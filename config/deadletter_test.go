package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDeadLetterStrategies(t *testing.T) {
	c, err := load(t, pair+`
  destinationPolicy:
    policyMap:
      policyEntries:
        - queue: "a.>"
          deadLetterStrategy:
            individualDeadLetterStrategy:
              {queueSuffix: ".dead", useQueueForQueueMessages: false, destinationPerDurableSubscriber: true, enableAudit: false, expiration: 5000}
        - topic: "t"
          deadLetterStrategy:
            sharedDeadLetterStrategy: {deadLetterQueue: {topic: {physicalName: dead}}, processNonPersistent: true}
      defaultEntry:
        deadLetterStrategy: {sharedDeadLetterStrategy: {maxAuditDepth: 5}}
`)
	require.NoError(t, err)
	require.Len(t, c.Warnings, 1, "maxAuditDepth is tuning")
	m := &c.Broker.DestinationPolicy.PolicyMap
	i := m.Find("queue", "a.x").DeadLetterStrategy.Individual
	name, suffix, isQueue := i.Name(true, "a.x")
	require.Equal(t, "ActiveMQ.DLQ.Queue.a.x.dead", name)
	require.Equal(t, ".dead", suffix)
	require.False(t, isQueue)
	require.True(t, i.DestinationPerDurableSubscriber)
	require.False(t, i.EnableAudit)
	require.Equal(t, 5*time.Second, i.Expiration)
	name, isQueue = m.Find("topic", "t").DeadLetterStrategy.Shared.DeadLetterQueue.Name()
	require.Equal(t, "dead", name)
	require.False(t, isQueue)
	name, isQueue = m.Default.DeadLetterStrategy.Shared.DeadLetterQueue.Name()
	require.Equal(t, "ActiveMQ.DLQ", name)
	require.True(t, isQueue)
}

func TestMessagePlugins(t *testing.T) {
	c, err := load(t, pair+`
  anonymousProducerAdvisorySupport: true
  plugins:
    timeStampingBrokerPlugin: {ttlCeiling: 86400000, zeroExpirationOverride: 1000}
    statisticsBrokerPlugin:
    discardingDLQBrokerPlugin: {dropAll: false, dropOnly: "A\\..* B", reportInterval: 0}
    forcePersistencyModeBrokerPlugin: {persistenceFlag: true}
    traceBrokerPathPlugin:
  destinationPolicy:
    policyMap:
      policyEntries:
        - queue: ">"
          advisoryForConsumed: true
          messageInterceptorStrategy:
            chainMessageInterceptorStrategy:
              messageStrategies:
                - headerMessageInterceptorStrategy: {forceDeliveryMode: true}
                - headerMessageInterceptorStrategy: {forceExpiration: true, expirationCeiling: 5}
`)
	require.NoError(t, err)
	p := c.Broker.Plugins
	require.Equal(t, 24*time.Hour, p.TimeStamping.TTLCeiling)
	require.NotNil(t, p.Statistics)
	require.True(t, p.DiscardingDLQ.DropTemporaryQueues)
	only, err := p.DiscardingDLQ.Expressions()
	require.NoError(t, err)
	require.Len(t, only, 2)
	require.True(t, only[0].MatchString("A.x"))
	require.False(t, only[1].MatchString("xB"), "a whole name has to match")
	require.True(t, p.ForcePersistencyMode.PersistenceFlag)
	require.Equal(t, "BrokerPath", p.TraceBrokerPath.StampProperty)
	require.True(t, c.Broker.AnonymousProducerAdvisorySupport)
	e := c.Broker.DestinationPolicy.PolicyMap.Find("queue", "q")
	require.True(t, e.AdvisoryForConsumed)
	require.Len(t, e.MessageInterceptorStrategy.Headers(), 2)
	require.True(t, e.MessageInterceptorStrategy.Headers()[0].Persistent)
}

func TestWrongPlugins(t *testing.T) {
	for what, text := range map[string]string{
		"dropOnly": `
  plugins: {discardingDLQBrokerPlugin: {dropOnly: "A ("}}`,
		"ttlCeiling": `
  plugins: {timeStampingBrokerPlugin: {ttlCeiling: -1}}`,
		"messageInterceptorStrategy": `
  destinationPolicy: {policyMap: {defaultEntry: {messageInterceptorStrategy: {headerMessageInterceptorStrategy: , chainMessageInterceptorStrategy: }}}}`,
		"deadLetterStrategy": `
  destinationPolicy: {policyMap: {defaultEntry: {deadLetterStrategy: {discarding: , sharedDeadLetterStrategy: }}}}`,
		"deadLetterQueue": `
  destinationPolicy: {policyMap: {policyEntries: [{queue: ">", deadLetterStrategy: {sharedDeadLetterStrategy: {deadLetterQueue: {queue: {physicalName: a}, topic: {physicalName: b}}}}}]}}`,
	} {
		_, err := load(t, pair+text+"\n")
		require.ErrorIs(t, err, ErrValue, what)
		require.ErrorContains(t, err, what)
	}
}
