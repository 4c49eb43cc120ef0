package config

// DestinationEntry are the attributes of a <policyEntry> that say how long
// destinations live and how many there may be.
type DestinationEntry struct {
}

func (e *DestinationEntry) setDefaults() {
}

func (DestinationEntry) others() others {
	return others{
		"allowTempDestinationStealing": refused("false", reasonLater),
		"gcInactiveDestinations":       refused("false", reasonLater),
		"gcWithNetworkConsumers":       refused("false", reasonLater),
		"inactiveTimeoutBeforeGC":      refused("60000", reasonLater),
		"inactiveTimoutBeforeGC":       refused("60000", reasonLater),
		"maxDestinations":              refused("-1", reasonLater),
	}
}
