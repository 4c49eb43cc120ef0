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

	ProducerFlowControl            bool          `config:"producerFlowControl"`
	BlockedProducerWarningInterval time.Duration `config:"blockedProducerWarningInterval"`
	MemoryLimit                    int64         `config:"memoryLimit,bytes"` // 0: the broker's
	// MaxPageSize bounds the messages of a destination in memory that wait for
	// a consumer; 0 leaves it to the broker.
	MaxPageSize                    int           `config:"maxPageSize"`
	ExpireMessagesPeriod           time.Duration `config:"expireMessagesPeriod"`
	UsePrefetchExtension           bool          `config:"usePrefetchExtension"`
	UseConsumerPriority            bool          `config:"useConsumerPriority"`
	AllConsumersExclusiveByDefault bool          `config:"allConsumersExclusiveByDefault"`

	PendingMessageLimitStrategy PendingMessageLimitStrategy `config:"pendingMessageLimitStrategy"`
	DeadLetterStrategy          DeadLetterStrategy          `config:"deadLetterStrategy"`
}

func (p *PolicyEntry) setDefaults() {
	p.ProducerFlowControl = true
	p.BlockedProducerWarningInterval = 30 * time.Second
	p.ExpireMessagesPeriod = 30 * time.Second
	p.UsePrefetchExtension = true
	p.UseConsumerPriority = true
}

// pattern returns the attribute that is set, and its value.
func (p *PolicyEntry) pattern() (attribute, pattern string) {
	for _, c := range [...][2]string{{"queue", p.Queue}, {"topic", p.Topic}, {"tempQueue", p.TempQueue}, {"tempTopic", p.TempTopic}} {
		if c[1] != "" {
			return c[0], c[1]
		}
	}
	return "", ""
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
		"allowTempDestinationStealing":      refused("false", reasonLater),
		"alwaysRetroactive":                 refused("false", reasonLater),
		"consumersBeforeDispatchStarts":     refused("0", reasonLater),
		"cursorMemoryHighWaterMark":         tuned("70", reasonPageQueue),
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
		"pendingQueuePolicy":                tuned("", reasonPageQueue),
		"pendingSubscriberPolicy":           tuned("", reasonPageQueue),
		"persistJMSRedelivered":             refused("false", reasonLater),
		"prioritizedMessages":               refused("false", reasonLater),
		"queuePrefetch":                     refused("1000", reasonPrefetch),
		"queueBrowserPrefetch":              refused("500", reasonPrefetch),
		"topicPrefetch":                     refused("32767", reasonPrefetch),
		"durableTopicPrefetch":              refused("100", reasonPrefetch),
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
		"useTopicSubscriptionInflightStats": tuned("true", "statistics are always kept"),
	}
}
