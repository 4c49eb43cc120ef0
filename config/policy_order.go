package config

// OrderEntry are the attributes of a <policyEntry> about the order in which
// stored messages are read and what is kept of their redelivery.
type OrderEntry struct {
	PrioritizedMessages   bool `config:"prioritizedMessages"`
	PersistJMSRedelivered bool `config:"persistJMSRedelivered"`
	MaxBrowsePageSize     int  `config:"maxBrowsePageSize"`
	MaxExpirePageSize     int  `config:"maxExpirePageSize"`
}

func (e *OrderEntry) setDefaults() {
	e.MaxBrowsePageSize, e.MaxExpirePageSize = 400, 400
}

func (OrderEntry) others() others {
	return others{
		"useCache":                          tuned("true", reasonPageQueue),
		"doOptimzeMessageStorage":           tuned("true", reasonPageQueue),
		"optimizeMessageStoreInFlightLimit": tuned("10", reasonPageQueue),
	}
}
