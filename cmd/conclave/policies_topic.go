package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applyTopic maps the part of a policy entry about the subscribers of topics, and slow consumers.
func applyTopic(p *broker.TopicPolicy, e *config.TopicEntry) {
	p.AlwaysRetroactive = e.AlwaysRetroactive
	p.Dispatch = dispatch(&e.DispatchPolicy)
	if rule, ok := eviction(&e.MessageEvictionStrategy); ok {
		p.Eviction = rule
	}
	p.Recovery = recovery(e.SubscriptionRecoveryPolicy.Chosen())
	p.SlowConsumer = slowConsumer(&e.SlowConsumerStrategy)
}

// applyPendingLimit maps how much may wait for a topic consumer.
func applyPendingLimit(p *broker.Policy, s *config.PendingMessageLimitStrategy) {
	switch {
	case s.Constant != nil:
		p.PendingMessageLimit = s.Constant.Limit
	case s.PrefetchRate != nil:
		p.PendingByRate, p.PendingRate = true, s.PrefetchRate.Multiplier
	}
}

func dispatch(d *config.DispatchPolicy) broker.Dispatch {
	switch {
	case d.ClientIDFilter != nil:
		return broker.Dispatch{By: broker.ByClientID, ClientProperty: d.ClientIDFilter.PtpClientID, ClientSuffix: d.ClientIDFilter.PtpSuffix}
	case d.Priority != nil:
		return broker.Dispatch{By: broker.ByPriority}
	case d.PriorityNetwork != nil:
		return broker.Dispatch{By: broker.ByNetworkPriority}
	case d.RoundRobin != nil:
		return broker.Dispatch{By: broker.InTurn}
	case d.StrictOrder != nil:
		return broker.Dispatch{By: broker.InOrder}
	}
	return broker.Dispatch{}
}

func eviction(s *config.MessageEvictionStrategy) (broker.Eviction, bool) {
	of := func(by broker.EvictionRule, s *config.EvictionStrategy) (broker.Eviction, bool) {
		return broker.Eviction{By: by, ExpiredAbove: s.EvictExpiredMessagesHighWatermark, KeepExpired: !s.ExpiryCheckEnabled}, true
	}
	switch {
	case s.Oldest != nil:
		return of(broker.Oldest, s.Oldest)
	case s.LowestPriority != nil:
		return of(broker.LowestPriority, s.LowestPriority)
	case s.UniqueProperty != nil:
		rule, _ := of(broker.UniqueProperty, &s.UniqueProperty.EvictionStrategy)
		rule.Property = s.UniqueProperty.PropertyName
		return rule, true
	}
	return broker.Eviction{}, false
}

func recovery(r *config.RecoveryPolicy) broker.Recovery {
	switch {
	case r.FixedCount != nil:
		return broker.Recovery{Keep: broker.KeepCount, Count: r.FixedCount.MaximumSize}
	case r.FixedSized != nil:
		return broker.Recovery{Keep: broker.KeepBytes, Bytes: r.FixedSized.MaximumSize}
	case r.Timed != nil:
		return broker.Recovery{Keep: broker.KeepTime, For: r.Timed.RecoverDuration}
	case r.LastImage != nil:
		return broker.Recovery{Keep: broker.KeepLast}
	}
	return broker.Recovery{}
}

func slowConsumer(s *config.SlowConsumerStrategy) broker.SlowConsumer {
	of := func(a *config.AbortSlowConsumerStrategy) broker.SlowConsumer {
		return broker.SlowConsumer{
			Abort: broker.AbortSlow, MaxCount: int64(a.MaxSlowCount), MaxDuration: a.MaxSlowDuration,
			CheckPeriod: a.CheckPeriod, AbortConnection: a.AbortConnection, IgnoreNetwork: a.IgnoreNetworkConsumers,
		}
	}
	switch {
	case s.AbortSlow != nil:
		return of(s.AbortSlow)
	case s.AbortSlowAck != nil:
		rule := of(&s.AbortSlowAck.AbortSlowConsumerStrategy)
		rule.Abort = broker.AbortSlowAck
		rule.MaxSinceAck, rule.IgnoreIdle = s.AbortSlowAck.MaxTimeSinceLastAck, s.AbortSlowAck.IgnoreIdleConsumers
		return rule
	}
	return broker.SlowConsumer{}
}
