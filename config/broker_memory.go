package config

// BrokerSpace are the attributes of <broker> about memory and space.
type BrokerSpace struct {
}

func (e *BrokerSpace) setDefaults() {
}

func (BrokerSpace) others() others {
	return others{
		"adjustUsageLimits":                     tuned("true", "limits are kept as they are given"),
		"consumerSystemUsage":                   absent("one limit holds for producers and consumers"),
		"consumerSystemUsagePortion":            refused("40", "one limit holds for producers and consumers"),
		"diskUsageCheckRegrowThreshold":         refused("-1", reasonLater),
		"maxInflatedDataSize":                   refused("104857600", reasonLater),
		"producerSystemUsage":                   absent("one limit holds for producers and consumers"),
		"producerSystemUsagePortion":            refused("60", "one limit holds for producers and consumers"),
		"schedulePeriodForDiskUsageCheck":       refused("0", reasonLater),
		"splitSystemUsageForProducersConsumers": refused("false", "one limit holds for producers and consumers"),
		"tempDataStore":                         absent("nothing is spooled to a temporary store"),
		"tmpDataDirectory":                      tuned("", "nothing is spooled to a temporary store"),
	}
}
