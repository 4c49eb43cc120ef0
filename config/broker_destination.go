package config

// BrokerDestinations are the attributes of <broker> about destinations: which
// there are from the start, how long they live, and which stand for others.
type BrokerDestinations struct {
}

func (e *BrokerDestinations) setDefaults() {
}

func (BrokerDestinations) others() others {
	return others{
		"allowTempAutoCreationOnSend":       refused("false", reasonLater),
		"cacheTempDestinations":             tuned("false", "temporary destinations need no cache"),
		"destinationInterceptors":           absent(reasonLater),
		"destinations":                      absent("destinations come into being when they are used"),
		"maxPurgedDestinationsPerSweep":     refused("0", reasonLater),
		"schedulePeriodForDestinationPurge": refused("0", reasonLater),
		"timeBeforePurgeTempDestinations":   refused("5000", reasonLater),
		"useMirroredQueues":                 refused("false", reasonLater),
		"useTempMirroredQueues":             refused("true", reasonLater),
		"useVirtualDestSubs":                refused("false", reasonLater),
		"useVirtualDestSubsOnCreation":      refused("false", reasonLater),
		"useVirtualTopics":                  refused("true", "the switch is not available yet"),
	}
}
