package broker

import "time"

// TopicPolicy is the part of a Policy about the subscribers of topics, and slow consumers.
type TopicPolicy struct {
	// PendingByRate bounds what waits for a topic consumer by PendingRate times
	// its prefetch size instead of by PendingMessageLimit. (ActiveMQ:
	// prefetchRatePendingMessageLimitStrategy)
	PendingByRate bool
	PendingRate   float64
	// Eviction says what is discarded of too many messages.
	Eviction Eviction
	// Recovery says what a topic keeps for retroactive consumers.
	Recovery Recovery
	// AlwaysRetroactive makes every topic consumer retroactive.
	AlwaysRetroactive bool
	// Dispatch says which subscribers of a topic get a message, and in what
	// order.
	Dispatch Dispatch
	// SlowConsumer says which consumers are ended for being slow.
	SlowConsumer SlowConsumer
}

// Eviction is a messageEvictionStrategy.
type Eviction struct {
	By EvictionRule
	// Property is whose values UniqueProperty looks at.
	Property string
	// ExpiredAbove is how many may wait before expired ones are looked for.
	// (ActiveMQ: evictExpiredMessagesHighWatermark)
	ExpiredAbove int
	// KeepExpired leaves expired ones to wait. (ActiveMQ: the opposite of
	// expiryCheckEnabled, since 5.19)
	KeepExpired bool
}

// EvictionRule says which of the messages that wait goes first.
type EvictionRule uint8

// The rules that ActiveMQ has.
const (
	Oldest         EvictionRule = iota // oldestMessageEvictionStrategy
	LowestPriority                     // oldestMessageWithLowestPriorityEvictionStrategy
	UniqueProperty                     // uniquePropertyMessageEvictionStrategy
)

// Recovery is a subscriptionRecoveryPolicy. The last message with the property
// ActiveMQ.Retain is kept whatever it says.
type Recovery struct {
	Keep RecoveryRule
	// Count is how many messages KeepCount keeps.
	Count int
	// Bytes is how many KeepBytes keeps.
	Bytes int64
	// For is how long KeepTime keeps a message.
	For time.Duration
}

// RecoveryRule says what a topic keeps for those who come later.
type RecoveryRule uint8

// The rules that ActiveMQ has.
const (
	KeepNothing RecoveryRule = iota // noSubscriptionRecoveryPolicy
	KeepCount                       // fixedCountSubscriptionRecoveryPolicy
	KeepBytes                       // fixedSizedSubscriptionRecoveryPolicy
	KeepTime                        // timedSubscriptionRecoveryPolicy
	KeepLast                        // lastImageSubscriptionRecoveryPolicy
)

// Dispatch is a dispatchPolicy of a topic.
type Dispatch struct {
	By DispatchRule
	// ClientProperty is the property that names the one client who is to get
	// the message, on topics whose names end in ClientSuffix; of
	// ByClientID. (ActiveMQ: ptpClientId, ptpSuffix)
	ClientProperty, ClientSuffix string
}

// DispatchRule says who gets a topic's message, and who first.
type DispatchRule uint8

// The rules that ActiveMQ has.
const (
	InParallel        DispatchRule = iota // simpleDispatchPolicy
	InTurn                                // roundRobinDispatchPolicy
	InOrder                               // strictOrderDispatchPolicy
	ByPriority                            // priorityDispatchPolicy
	ByNetworkPriority                     // priorityNetworkDispatchPolicy
	ByClientID                            // clientIdFilterDispatchPolicy
)

// SlowConsumer is a slowConsumerStrategy. Zero ends nobody.
type SlowConsumer struct {
	Abort AbortRule
	// MaxCount is how often a consumer may be found slow; <= 0 any number.
	// (ActiveMQ: maxSlowCount)
	MaxCount int64
	// MaxDuration is how long it may be slow; <= 0 for ever. (ActiveMQ:
	// maxSlowDuration)
	MaxDuration time.Duration
	// CheckPeriod is how often this is looked at.
	CheckPeriod time.Duration
	// AbortConnection ends the whole connection instead of the consumer.
	AbortConnection bool
	// IgnoreNetwork leaves consumers of network bridges alone. (ActiveMQ:
	// ignoreNetworkConsumers)
	IgnoreNetwork bool
	// MaxSinceAck is how long a consumer may acknowledge nothing before it is
	// slow; negative for ever; of AbortSlowAck. (ActiveMQ: maxTimeSinceLastAck)
	MaxSinceAck time.Duration
	// IgnoreIdle leaves consumers alone that have nothing to acknowledge; of
	// AbortSlowAck. (ActiveMQ: ignoreIdleConsumers)
	IgnoreIdle bool
}

// AbortRule says what makes a consumer slow.
type AbortRule uint8

// The rules that ActiveMQ has.
const (
	AbortNone    AbortRule = iota
	AbortSlow              // abortSlowConsumerStrategy: more waits than it takes
	AbortSlowAck           // abortSlowAckConsumerStrategy: it does not acknowledge
)

// defaultTopicPolicy is ActiveMQ's.
func defaultTopicPolicy() TopicPolicy {
	return TopicPolicy{Eviction: Eviction{ExpiredAbove: 1000}}
}
