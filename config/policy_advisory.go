package config

// AdvisoryEntry are the attributes of a <policyEntry> about advisories and
// about what is changed in messages.
type AdvisoryEntry struct {
}

func (e *AdvisoryEntry) setDefaults() {
}

func (AdvisoryEntry) others() others {
	return others{
		"advancedMessageStatisticsEnabled": refused("false", reasonLater),
		"advancedNetworkStatisticsEnabled": refused("false", reasonLater),
		"advisoryForConsumed":              refused("false", reasonLater),
		"advisoryForDelivery":              refused("false", reasonLater),
		"advisoryForDiscardingMessages":    refused("false", reasonLater),
		"advisoryForDispatched":            refused("false", reasonLater),
		"advisoryForFastProducers":         refused("false", reasonLater),
		"advisoryForSlowConsumers":         refused("false", reasonLater),
		"advisoryWhenFull":                 refused("false", reasonLater),
		"includeBodyForAdvisory":           refused("false", reasonLater),
		"messageInterceptorStrategy":       absent(reasonLater),
		"sendAdvisoryIfNoConsumers":        refused("false", reasonLater),
	}
}
