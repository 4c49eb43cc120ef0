package config

import "time"

// DestinationPolicy is the <destinationPolicy> element.
type DestinationPolicy struct {
	PolicyMap PolicyMap `config:"policyMap"`
}

func (DestinationPolicy) others() others { return nil }

// PolicyMap is the <policyMap> element.
type PolicyMap struct {
	Entries []PolicyEntry `config:"policyEntries,item=policyEntry"`
	Default *PolicyEntry  `config:"defaultEntry"`
}

func (PolicyMap) others() others { return nil }

// PolicyEntry is the <policyEntry> element: how destinations that match a
// pattern behave. Exactly one of the four patterns is set, except in the
// default entry.
type PolicyEntry struct {
	Queue     string `config:"queue"`
	Topic     string `config:"topic"`
	TempQueue string `config:"tempQueue"`
	TempTopic string `config:"tempTopic"`

	ProducerFlowControl  bool          `config:"producerFlowControl"`
	MemoryLimit          int64         `config:"memoryLimit,bytes"` // 0: the broker's
	QueuePrefetch        int           `config:"queuePrefetch"`
	QueueBrowserPrefetch int           `config:"queueBrowserPrefetch"`
	TopicPrefetch        int           `config:"topicPrefetch"`
	DurableTopicPrefetch int           `config:"durableTopicPrefetch"`
	MaxPageSize          int           `config:"maxPageSize"`
	ExpireMessagesPeriod time.Duration `config:"expireMessagesPeriod"`
}

func (p *PolicyEntry) setDefaults() {
	p.ProducerFlowControl = true
	p.QueuePrefetch = 1000
	p.QueueBrowserPrefetch = 500
	p.TopicPrefetch = 32767
	p.DurableTopicPrefetch = 100
	p.MaxPageSize = 200
	p.ExpireMessagesPeriod = 30 * time.Second
}

func (PolicyEntry) others() others {
	return others{
		"advancedMessageStatisticsEnabled":  refused("false", reasonLater),
		"advancedNetworkStatisticsEnabled":  refused("false", reasonLater),
		"advisoryForConsumed":               refused("false", reasonLater),
		"advisoryForDelivery":               refused("false", reasonLater),
		"advisoryForDiscardingMessages":     refused("false", reasonLater),
		"advisoryForDispatched":             refused("false", reasonLater),
		"advisoryForFastProducers":          refused("false", reasonLater),
		"advisoryForSlowConsumers":          refused("false", reasonLater),
		"advisoryWhenFull":                  refused("false", reasonLater),
		"allConsumersExclusiveByDefault":    refused("false", reasonLater),
		"allowTempDestinationStealing":      refused("false", reasonLater),
		"alwaysRetroactive":                 refused("false", reasonLater),
		"blockedProducerWarningInterval":    tuned("30000", "a blocked producer is logged when it blocks"),
		"consumersBeforeDispatchStarts":     refused("0", reasonLater),
		"cursorMemoryHighWaterMark":         tuned("70", reasonPageQueue),
		"deadLetterStrategy":                absent(reasonLater),
		"destination":                       absent("write queue, topic, tempQueue or tempTopic with a pattern"),
		"dispatchPolicy":                    absent(reasonLater),
		"doOptimzeMessageStorage":           tuned("true", reasonPageQueue),
		"enableAudit":                       refused("true", "duplicates of a producer that resends are always suppressed"),
		"gcInactiveDestinations":            refused("false", reasonLater),
		"gcWithNetworkConsumers":            refused("false", reasonLater),
		"inactiveTimeoutBeforeGC":           refused("60000", reasonLater),
		"inactiveTimoutBeforeGC":            refused("60000", reasonLater),
		"includeBodyForAdvisory":            refused("false", reasonLater),
		"lazyDispatch":                      refused("false", reasonLater),
		"maxAuditDepth":                     tuned("10000", "the last sequence of every producer is kept"),
		"maxBrowsePageSize":                 tuned("400", reasonPageQueue),
		"maxDestinations":                   refused("-1", reasonLater),
		"maxExpirePageSize":                 tuned("400", reasonPageQueue),
		"maxProducersToAudit":               tuned("64", "the last sequence of every producer is kept"),
		"maxQueueAuditDepth":                tuned("10000", "the last sequence of every producer is kept"),
		"messageEvictionStrategy":           absent(reasonLater),
		"messageGroupMapFactory":            absent(reasonLater),
		"messageGroupMapFactoryType":        refused("cached", reasonLater),
		"messageInterceptorStrategy":        absent(reasonLater),
		"minimumMessageSize":                tuned("1024", "messages count with their real size"),
		"networkBridgeFilterFactory":        absent(reasonLater),
		"optimizeMessageStoreInFlightLimit": tuned("10", reasonPageQueue),
		"optimizedDispatch":                 tuned("false", "dispatch never changes threads"),
		"pendingDurableSubscriberPolicy":    tuned("", reasonPageQueue),
		"pendingMessageLimitStrategy":       absent(reasonLater),
		"pendingQueuePolicy":                tuned("", reasonPageQueue),
		"pendingSubscriberPolicy":           tuned("", reasonPageQueue),
		"persistJMSRedelivered":             refused("false", reasonLater),
		"prioritizedMessages":               refused("false", reasonLater),
		"reduceMemoryFootprint":             tuned("false", reasonPageQueue),
		"sendAdvisoryIfNoConsumers":         refused("false", reasonLater),
		"sendDuplicateFromStoreToDLQ":       refused("false", reasonLater),
		"sendFailIfNoSpace":                 refused("false", "set it on systemUsage"),
		"sendFailIfNoSpaceAfterTimeout":     refused("0", "set it on systemUsage"),
		"slowConsumerStrategy":              absent(reasonLater),
		"storeUsageHighWaterMark":           refused("100", reasonLater),
		"strictOrderDispatch":               refused("false", reasonLater),
		"subscriptionRecoveryPolicy":        absent(reasonLater),
		"timeBeforeDispatchStarts":          refused("0", reasonLater),
		"useCache":                          tuned("true", reasonPageQueue),
		"useConsumerPriority":               refused("true", reasonLater),
		"usePrefetchExtension":              refused("true", reasonLater),
		"useTopicSubscriptionInflightStats": tuned("true", "statistics are always kept"),
	}
}
