package config

// OrderEntry are the attributes of a <policyEntry> about the order in which
// stored messages are read and what is kept of their redelivery.
type OrderEntry struct {
}

func (e *OrderEntry) setDefaults() {
}

func (OrderEntry) others() others {
	return others{
		"maxBrowsePageSize":                 tuned("400", reasonPageQueue),
		"maxExpirePageSize":                 tuned("400", reasonPageQueue),
		"persistJMSRedelivered":             refused("false", reasonLater),
		"prioritizedMessages":               refused("false", reasonLater),
		"useCache":                          tuned("true", reasonPageQueue),
		"doOptimzeMessageStorage":           tuned("true", reasonPageQueue),
		"optimizeMessageStoreInFlightLimit": tuned("10", reasonPageQueue),
	}
}
