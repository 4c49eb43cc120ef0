package config

// QueueEntry are the attributes of a <policyEntry> about which consumer gets a
// message, and how many.
type QueueEntry struct {
}

func (e *QueueEntry) setDefaults() {
}

func (QueueEntry) others() others {
	return others{
		"consumersBeforeDispatchStarts": refused("0", reasonLater),
		"enableAudit":                   refused("true", "duplicates of a producer that resends are always suppressed"),
		"lazyDispatch":                  refused("false", reasonLater),
		"maxAuditDepth":                 tuned("10000", "the last sequence of every producer is kept"),
		"maxProducersToAudit":           tuned("64", "the last sequence of every producer is kept"),
		"maxQueueAuditDepth":            tuned("10000", "the last sequence of every producer is kept"),
		"messageGroupMapFactory":        absent(reasonLater),
		"messageGroupMapFactoryType":    refused("cached", reasonLater),
		"optimizedDispatch":             tuned("false", "dispatch never changes threads"),
		"queuePrefetch":                 refused("1000", reasonPrefetch),
		"queueBrowserPrefetch":          refused("500", reasonPrefetch),
		"topicPrefetch":                 refused("32767", reasonPrefetch),
		"durableTopicPrefetch":          refused("100", reasonPrefetch),
		"sendDuplicateFromStoreToDLQ":   refused("false", reasonLater),
		"strictOrderDispatch":           refused("false", reasonLater),
		"timeBeforeDispatchStarts":      refused("0", reasonLater),
	}
}
