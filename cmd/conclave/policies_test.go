package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/message"
)

func TestPoliciesWithoutConfiguration(t *testing.T) {
	of := policies(&config.PolicyMap{})
	require.Equal(t, broker.DefaultPolicy(), of(message.NewQueue("A")))
}

func TestPolicies(t *testing.T) {
	m := &config.PolicyMap{Entries: []config.PolicyEntry{
		{
			Queue: "A.>", MemoryLimit: 1 << 20, MaxPageSize: 9, ExpireMessagesPeriod: time.Second,
			DeadLetterStrategy: config.DeadLetterStrategy{Individual: &config.IndividualDeadLetterStrategy{QueuePrefix: "DLQ.", UseQueueForQueueMessages: true}},
		},
		{
			Topic:                       ">",
			PendingMessageLimitStrategy: config.PendingMessageLimitStrategy{Constant: &config.ConstantPendingMessageLimitStrategy{Limit: 5}},
			DeadLetterStrategy:          config.DeadLetterStrategy{Discarding: &config.DiscardingDeadLetterStrategy{}},
		},
		{TempQueue: ">", UseConsumerPriority: true},
	}}
	of := policies(m)

	p := of(message.NewQueue("A.B"))
	require.EqualValues(t, 1<<20, p.MemoryLimit)
	require.Equal(t, 9, p.MaxPageSize)
	require.Equal(t, time.Second, p.ExpireMessagesPeriod)
	require.Equal(t, message.NewQueue("DLQ.A.B"), p.DeadLetter.Queue)

	p = of(message.NewTopic("T"))
	require.Equal(t, 5, p.PendingMessageLimit)
	require.True(t, p.DeadLetter.Queue.IsZero())
	require.Zero(t, p.ExpireMessagesPeriod)

	p = of(message.Destination{Kind: message.TempQueue, Name: "ID:1"})
	require.True(t, p.UseConsumerPriority)
	require.Equal(t, broker.DefaultPolicy().MaxPageSize, p.MaxPageSize)
	require.Equal(t, broker.DefaultPolicy(), of(message.NewQueue("B")))
}

func TestOrderPolicy(t *testing.T) {
	p := broker.DefaultPolicy()
	require.Equal(t, 400, p.MaxBrowsePageSize)
	applyOrder(&p.OrderPolicy, &config.OrderEntry{})
	require.Equal(t, broker.DefaultPolicy(), p, "no page is of size 0")
	applyOrder(&p.OrderPolicy, &config.OrderEntry{PrioritizedMessages: true, PersistJMSRedelivered: true, MaxBrowsePageSize: 7, MaxExpirePageSize: 1 << 30})
	require.Equal(t, broker.OrderPolicy{PrioritizedMessages: true, PersistJMSRedelivered: true, MaxBrowsePageSize: 7, MaxExpirePageSize: maxPage}, p.OrderPolicy)
}

func TestSelectorsAreTheBrokers(t *testing.T) {
	f, err := parseSelector("JMSPriority > 4")
	require.NoError(t, err)
	require.True(t, f.Match(&message.Message{Priority: 5}, 0))
	require.False(t, f.Match(&message.Message{Priority: 4}, 0))
	_, err = parseSelector("JMSPriority >")
	require.Error(t, err)
}

func TestMemoryLimit(t *testing.T) {
	of := func(u config.MemoryUsage) int64 {
		c := &config.Broker{SystemUsage: config.SystemUsage{MemoryUsage: u}}
		c.AdjustUsageLimits = true
		return memoryLimit(c, slog.New(slog.DiscardHandler))
	}
	require.EqualValues(t, 7, of(config.MemoryUsage{Limit: 7}))
	share := of(config.MemoryUsage{Limit: 7, PercentOfJvmHeap: 70})
	require.Greater(t, share, int64(1<<20))
	require.Greater(t, of(config.MemoryUsage{PercentOfJvmHeap: 80}), share)
	require.Less(t, of(config.MemoryUsage{Limit: 1 << 60}), int64(1<<50))
}
