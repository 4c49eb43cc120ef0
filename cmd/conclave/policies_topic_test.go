package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/message"
)

func topicPolicy(change func(*config.PolicyEntry)) broker.Policy {
	e := config.PolicyEntry{Topic: ">"}
	change(&e)
	return policies(&config.PolicyMap{Entries: []config.PolicyEntry{e}})(message.NewTopic("T"))
}

func TestTopicPolicies(t *testing.T) {
	p := topicPolicy(func(*config.PolicyEntry) {})
	require.Equal(t, broker.DefaultPolicy().TopicPolicy, p.TopicPolicy)

	p = topicPolicy(func(e *config.PolicyEntry) {
		e.AlwaysRetroactive = true
		e.PendingMessageLimitStrategy.PrefetchRate = &config.PrefetchRatePendingMessageLimitStrategy{Multiplier: 1.5}
		e.MessageEvictionStrategy.UniqueProperty = &config.UniquePropertyEviction{
			PropertyName: "p", EvictionStrategy: config.EvictionStrategy{EvictExpiredMessagesHighWatermark: 3},
		}
		e.DispatchPolicy.ClientIDFilter = &config.ClientIDFilterDispatchPolicy{PtpClientID: "A", PtpSuffix: ".B"}
		e.SubscriptionRecoveryPolicy.Retained = &config.RetainedMessageSubscriptionRecoveryPolicy{
			Wrapped: config.RecoveryPolicy{Timed: &config.TimedSubscriptionRecoveryPolicy{RecoverDuration: time.Minute}},
		}
		e.SlowConsumerStrategy.AbortSlowAck = &config.AbortSlowAckConsumerStrategy{
			AbortSlowConsumerStrategy: config.AbortSlowConsumerStrategy{
				MaxSlowCount: 3, MaxSlowDuration: time.Second, CheckPeriod: time.Minute, AbortConnection: true, IgnoreNetworkConsumers: true,
			},
			MaxTimeSinceLastAck: time.Hour, IgnoreIdleConsumers: true,
		}
	})
	require.Equal(t, broker.TopicPolicy{
		PendingByRate: true, PendingRate: 1.5, AlwaysRetroactive: true,
		Eviction: broker.Eviction{By: broker.UniqueProperty, Property: "p", ExpiredAbove: 3, KeepExpired: true},
		Dispatch: broker.Dispatch{By: broker.ByClientID, ClientProperty: "A", ClientSuffix: ".B"},
		Recovery: broker.Recovery{Keep: broker.KeepTime, For: time.Minute},
		SlowConsumer: broker.SlowConsumer{
			Abort: broker.AbortSlowAck, MaxCount: 3, MaxDuration: time.Second, CheckPeriod: time.Minute,
			AbortConnection: true, IgnoreNetwork: true, MaxSinceAck: time.Hour, IgnoreIdle: true,
		},
	}, p.TopicPolicy)
}

func TestEachTopicStrategyHasItsRule(t *testing.T) {
	for d, want := range map[config.DispatchPolicy]broker.DispatchRule{
		{}: broker.InParallel, {Simple: &config.Bare{}}: broker.InParallel, {RoundRobin: &config.Bare{}}: broker.InTurn,
		{StrictOrder: &config.Bare{}}: broker.InOrder, {Priority: &config.Bare{}}: broker.ByPriority, {PriorityNetwork: &config.Bare{}}: broker.ByNetworkPriority,
	} {
		require.Equal(t, want, dispatch(&d).By)
	}
	for r, want := range map[config.RecoveryPolicy]broker.Recovery{
		{}: {}, {None: &config.Bare{}}: {}, {LastImage: &config.Bare{}}: {Keep: broker.KeepLast},
		{FixedCount: &config.FixedCountSubscriptionRecoveryPolicy{MaximumSize: 2}}: {Keep: broker.KeepCount, Count: 2},
		{FixedSized: &config.FixedSizedSubscriptionRecoveryPolicy{MaximumSize: 2}}: {Keep: broker.KeepBytes, Bytes: 2},
	} {
		require.Equal(t, want, recovery(&r))
	}
	for s, want := range map[config.MessageEvictionStrategy]broker.EvictionRule{
		{Oldest: &config.EvictionStrategy{}}: broker.Oldest, {LowestPriority: &config.EvictionStrategy{}}: broker.LowestPriority,
	} {
		rule, given := eviction(&s)
		require.True(t, given)
		require.Equal(t, want, rule.By)
	}
	require.Equal(t, broker.AbortSlow, slowConsumer(&config.SlowConsumerStrategy{AbortSlow: &config.AbortSlowConsumerStrategy{}}).Abort)
}
