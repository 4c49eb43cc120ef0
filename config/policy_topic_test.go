package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// policyOf reads one policy entry.
func policyOf(t *testing.T, entry string) (*PolicyEntry, []string, error) {
	t.Helper()
	c, err := load(t, pair+"  destinationPolicy: {policyMap: {policyEntries: ["+entry+"]}}\n")
	if err != nil {
		return nil, nil, err
	}
	return &c.Broker.DestinationPolicy.PolicyMap.Entries[0], c.Warnings, nil
}

func TestTopicPolicyDefaults(t *testing.T) {
	p, warnings, err := policyOf(t, `{topic: ">",
    pendingMessageLimitStrategy: {prefetchRatePendingMessageLimitStrategy: {}},
    messageEvictionStrategy: {uniquePropertyMessageEvictionStrategy: {propertyName: p}},
    dispatchPolicy: {clientIdFilterDispatchPolicy: {}},
    slowConsumerStrategy: {abortSlowAckConsumerStrategy: {}},
    subscriptionRecoveryPolicy: {retainedMessageSubscriptionRecoveryPolicy: {wrapped: {fixedCountSubscriptionRecoveryPolicy: {}}}}}`)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, 0.5, p.PendingMessageLimitStrategy.PrefetchRate.Multiplier)
	require.Equal(t, &UniquePropertyEviction{"p", EvictionStrategy{1000, true}}, p.MessageEvictionStrategy.UniqueProperty)
	require.Equal(t, &ClientIDFilterDispatchPolicy{"PTP_CLIENTID", ".PTP"}, p.DispatchPolicy.ClientIDFilter)
	require.Equal(t, &AbortSlowAckConsumerStrategy{
		AbortSlowConsumerStrategy: AbortSlowConsumerStrategy{
			MaxSlowCount: -1, MaxSlowDuration: 30 * time.Second, CheckPeriod: 30 * time.Second, IgnoreNetworkConsumers: true,
		},
		MaxTimeSinceLastAck: 30 * time.Second, IgnoreIdleConsumers: true,
	}, p.SlowConsumerStrategy.AbortSlowAck)
	require.Equal(t, 100, p.SubscriptionRecoveryPolicy.Chosen().FixedCount.MaximumSize)
	require.False(t, p.AlwaysRetroactive)
}

func TestTopicPolicyAttributes(t *testing.T) {
	p, warnings, err := policyOf(t, `{topic: ">", alwaysRetroactive: true,
    pendingMessageLimitStrategy: {prefetchRatePendingMessageLimitStrategy: {multiplier: 2.5}},
    messageEvictionStrategy: {oldestMessageWithLowestPriorityEvictionStrategy: {evictExpiredMessagesHighWatermark: 7, expiryCheckEnabled: false}},
    dispatchPolicy: {strictOrderDispatchPolicy: },
    slowConsumerStrategy: {abortSlowConsumerStrategy: {maxSlowCount: 3, maxSlowDuration: -1, checkPeriod: 500, abortConnection: true, ignoreNetworkConsumers: false, name: x}},
    subscriptionRecoveryPolicy: {fixedSizedSubscriptionRecoveryPolicy: {maximumSize: 1 mb, useSharedBuffer: true}}}`)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "abortSlowConsumerStrategy.name has no effect")
	require.Equal(t, 2.5, p.PendingMessageLimitStrategy.PrefetchRate.Multiplier)
	require.Equal(t, &EvictionStrategy{7, false}, p.MessageEvictionStrategy.LowestPriority)
	require.NotNil(t, p.DispatchPolicy.StrictOrder)
	require.Equal(t, &AbortSlowConsumerStrategy{3, -time.Millisecond, 500 * time.Millisecond, true, false}, p.SlowConsumerStrategy.AbortSlow)
	require.EqualValues(t, 1<<20, p.SubscriptionRecoveryPolicy.Chosen().FixedSized.MaximumSize)
	require.True(t, p.AlwaysRetroactive)
}

func TestTopicPolicyOnAQueue(t *testing.T) {
	_, warnings, err := policyOf(t, `{queue: ">", dispatchPolicy: {strictOrderDispatchPolicy: {}}}`)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "no effect on queues")
	_, warnings, err = policyOf(t, `{queue: ">", dispatchPolicy: {roundRobinDispatchPolicy: {}}, slowConsumerStrategy: {abortSlowAckConsumerStrategy: {}}}`)
	require.NoError(t, err)
	require.Empty(t, warnings)
}

func TestTopicPolicyRefusals(t *testing.T) {
	for _, test := range []struct {
		entry string
		kind  error
		wants string
	}{
		{`dispatchPolicy: {simpleDispatchPolicy: {}, strictOrderDispatchPolicy: {}}`, ErrValue, "dispatchPolicy: has more than one policy"},
		{`dispatchPolicy: {strictOrderDispatchPolicy: {a: b}}`, ErrUnknown, "strictOrderDispatchPolicy.a"},
		{`messageEvictionStrategy: {oldestMessageEvictionStrategy: {}, uniquePropertyMessageEvictionStrategy: {propertyName: p}}`, ErrValue, "more than one strategy"},
		{`messageEvictionStrategy: {uniquePropertyMessageEvictionStrategy: {}}`, ErrValue, "needs a propertyName"},
		{`slowConsumerStrategy: {abortSlowConsumerStrategy: {}, abortSlowAckConsumerStrategy: {}}`, ErrValue, "more than one strategy"},
		{`slowConsumerStrategy: {abortSlowConsumerStrategy: {checkPeriod: 0}}`, ErrValue, "checkPeriod"},
		{`slowConsumerStrategy: {abortSlowAckConsumerStrategy: {checkPeriod: -1}}`, ErrValue, "checkPeriod"},
		{`subscriptionRecoveryPolicy: {queryBasedSubscriptionRecoveryPolicy: {}}`, ErrUnsupported, "Java class"},
		{`subscriptionRecoveryPolicy: {lastImageSubscriptionRecoveryPolicy: {}, noSubscriptionRecoveryPolicy: {}}`, ErrValue, "more than one policy"},
		{`subscriptionRecoveryPolicy: {lastImageSubscriptionRecoveryPolicy: {}, retainedMessageSubscriptionRecoveryPolicy: {}}`, ErrValue, "more than one policy"},
		{`subscriptionRecoveryPolicy: {fixedCountSubscriptionRecoveryPolicy: {maximumSize: 0}}`, ErrValue, "maximumSize"},
		{`subscriptionRecoveryPolicy: {fixedSizedSubscriptionRecoveryPolicy: {maximumSize: 0}}`, ErrValue, "maximumSize"},
		{`subscriptionRecoveryPolicy: {timedSubscriptionRecoveryPolicy: {recoverDuration: -1}}`, ErrValue, "recoverDuration"},
		{`pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {}, prefetchRatePendingMessageLimitStrategy: {}}`, ErrValue, "more than one strategy"},
		{`pendingMessageLimitStrategy: {prefetchRatePendingMessageLimitStrategy: {multiplier: -1}}`, ErrValue, "multiplier"},
		{`pendingMessageLimitStrategy: {prefetchRatePendingMessageLimitStrategy: {multiplier: NaN}}`, ErrValue, "is no number"},
	} {
		_, _, err := policyOf(t, `{topic: ">", `+test.entry+`}`)
		require.ErrorIs(t, err, test.kind, test.entry)
		require.ErrorContains(t, err, test.wants)
	}
}
