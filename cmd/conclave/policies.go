package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/message/selector"
)

// attributes are the policyEntry attributes of the kinds of destination.
var attributes = map[message.Kind]string{
	message.Queue: "queue", message.Topic: "topic",
	message.TempQueue: "tempQueue", message.TempTopic: "tempTopic",
}

// policies gives the broker's view of a policy map.
func policies(m *config.PolicyMap) func(message.Destination) broker.Policy {
	return func(d message.Destination) broker.Policy {
		p := broker.DefaultPolicy()
		if entry := m.Find(attributes[d.Kind], d.Name); entry != nil {
			apply(&p, entry, d)
			if _, pattern := entry.Pattern(); pattern != "" {
				p.Pattern = message.Destination{Kind: d.Kind, Name: pattern}
			}
		}
		return p
	}
}

func apply(p *broker.Policy, e *config.PolicyEntry, d message.Destination) {
	p.MemoryLimit = e.MemoryLimit
	p.ProducerFlowControl = e.ProducerFlowControl
	p.BlockedProducerWarningInterval = e.BlockedProducerWarningInterval
	if e.MaxPageSize != 0 {
		p.MaxPageSize = e.MaxPageSize
	}
	p.ExpireMessagesPeriod = e.ExpireMessagesPeriod
	p.UsePrefetchExtension = e.UsePrefetchExtension
	p.UseConsumerPriority = e.UseConsumerPriority
	p.AllConsumersExclusiveByDefault = e.AllConsumersExclusiveByDefault
	applyPendingLimit(p, &e.PendingMessageLimitStrategy)
	p.DeadLetter = deadLetter(&e.DeadLetterStrategy, d)
	applyDestination(&p.DestinationPolicy, &e.DestinationEntry)
	applyOrder(&p.OrderPolicy, &e.OrderEntry)
	applyTopic(&p.TopicPolicy, &e.TopicEntry)
	applyQueue(&p.QueuePolicy, &e.QueueEntry)
	applyAdvisory(&p.AdvisoryPolicy, &e.AdvisoryEntry)
	applySpace(&p.SpacePolicy, &e.MemoryEntry)
	applyBridge(p, &e.BridgeEntry)
}

func deadLetter(s *config.DeadLetterStrategy, d message.Destination) broker.DeadLetter {
	switch {
	case s.Shared != nil:
		name, isQueue := s.Shared.DeadLetterQueue.Name()
		return broker.DeadLetter{
			Queue:          destinationOf(name, isQueue),
			ProcessExpired: s.Shared.ProcessExpired, ProcessNonPersistent: s.Shared.ProcessNonPersistent,
			Audit: s.Shared.EnableAudit, Expiration: s.Shared.Expiration,
		}
	case s.Individual != nil:
		name, suffix, isQueue := s.Individual.Name(d.Kind.IsQueue(), d.Name)
		return broker.DeadLetter{
			Queue:           destinationOf(name, isQueue),
			PerSubscription: s.Individual.DestinationPerDurableSubscriber, Suffix: suffix,
			ProcessExpired: s.Individual.ProcessExpired, ProcessNonPersistent: s.Individual.ProcessNonPersistent,
			Audit: s.Individual.EnableAudit, Expiration: s.Individual.Expiration,
		}
	case s.Discarding != nil:
		return broker.DeadLetter{}
	}
	return broker.DefaultPolicy().DeadLetter
}

func destinationOf(name string, isQueue bool) message.Destination {
	if isQueue {
		return message.NewQueue(name)
	}
	return message.NewTopic(name)
}

// filter makes a selector one of the broker's.
type filter struct{ *selector.Selector }

func (f filter) Match(m *message.Message, redeliveries int32) bool {
	return f.Matches(selector.Env{Message: m, RedeliveryCounter: redeliveries})
}

func parseSelector(text string) (broker.Filter, error) {
	s, err := selector.Parse(text)
	if err != nil {
		return nil, err
	}
	return filter{s}, nil
}
