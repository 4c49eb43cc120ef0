package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/message"
)

func TestDefaultInterceptors(t *testing.T) {
	c := &config.Broker{}
	c.UseVirtualTopics = true
	require.Equal(t, []broker.VirtualDestination{broker.DefaultVirtualTopic()}, routingOptions(c).Virtual)
	c.UseMirroredQueues, c.UseTempMirroredQueues = true, true
	require.Equal(t, &broker.Mirror{Prefix: "VirtualTopic.Mirror.", Temporary: true}, routingOptions(c).Mirror)
	c.DestinationInterceptors = []config.DestinationInterceptor{}
	o := routingOptions(c)
	require.NotNil(t, o.Virtual, "nil would be the broker's default")
	require.Empty(t, o.Virtual)
	require.Nil(t, o.Mirror)
}

func TestConfiguredInterceptors(t *testing.T) {
	c := &config.Broker{}
	composite := &config.CompositeDestination{Name: "A", SendWhenNotMatched: true, ForwardTo: []config.ForwardTarget{
		{Topic: &config.NamedTopic{PhysicalName: "B"}},
		{Filtered: &config.FilteredDestination{Topic: "C", Selector: "a = 1"}},
		{Filtered: &config.FilteredDestination{Queue: "topic://D", Selector: "a = 2"}},
	}}
	c.DestinationInterceptors = []config.DestinationInterceptor{
		{Virtual: &config.VirtualDestinationInterceptor{VirtualDestinations: []config.VirtualDestination{
			{VirtualTopic: &config.VirtualTopic{Name: ">", Postfix: ".P", Local: true, DropOnResourceLimit: true}},
			{CompositeTopic: composite},
		}}},
		{MirroredQueue: &config.MirroredQueue{Postfix: ".M"}},
	}
	o := routingOptions(c)
	require.Equal(t, []broker.VirtualDestination{
		broker.VirtualTopic{Name: ">", Postfix: ".P", Local: true, DropOnResourceLimit: true, KeepDestination: true},
		broker.CompositeDestination{Destination: message.NewTopic("A"), SendWhenNotMatched: true, ForwardTo: []broker.Forward{
			{Destination: message.NewTopic("B")},
			{Destination: message.NewTopic("C"), Selector: "a = 1"},
			{Destination: message.NewTopic("D"), Selector: "a = 2"},
		}},
	}, o.Virtual)
	require.Equal(t, &broker.Mirror{Postfix: ".M"}, o.Mirror)
	require.NoError(t, checkSelectors(c))
	composite.ForwardTo[1].Filtered.Selector = "a ="
	require.ErrorContains(t, checkSelectors(c), `topic://A: selector "a ="`)
}

func TestPatternsOfPolicies(t *testing.T) {
	find := policies(&config.PolicyMap{
		Entries: []config.PolicyEntry{{Queue: "A.>", DestinationEntry: config.DestinationEntry{MaxDestinations: 3}}},
		Default: &config.PolicyEntry{DestinationEntry: config.DestinationEntry{MaxDestinations: 7}},
	})
	p := find(message.NewQueue("A.B"))
	require.Equal(t, message.NewQueue("A.>"), p.Pattern)
	require.Equal(t, 3, p.MaxDestinations)
	p = find(message.NewTopic("A.B"))
	require.True(t, p.Pattern.IsZero())
	require.Equal(t, 7, p.MaxDestinations)
}
