package config

// MemoryEntry are the attributes of a <policyEntry> about memory and space.
type MemoryEntry struct {
}

func (e *MemoryEntry) setDefaults() {
}

func (MemoryEntry) others() others {
	return others{
		"cursorMemoryHighWaterMark":      tuned("70", reasonPageQueue),
		"minimumMessageSize":             tuned("1024", "messages count with their real size"),
		"pendingDurableSubscriberPolicy": tuned("", reasonPageQueue),
		"pendingQueuePolicy":             tuned("", reasonPageQueue),
		"pendingSubscriberPolicy":        tuned("", reasonPageQueue),
		"reduceMemoryFootprint":          tuned("false", reasonPageQueue),
		"sendFailIfNoSpace":              refused("false", "set it on systemUsage"),
		"sendFailIfNoSpaceAfterTimeout":  refused("0", "set it on systemUsage"),
		"storeUsageHighWaterMark":        refused("100", reasonLater),
	}
}
