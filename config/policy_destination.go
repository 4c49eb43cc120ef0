package config

import "time"

// DestinationEntry are the attributes of a <policyEntry> that say how long
// destinations live and how many there may be.
type DestinationEntry struct {
	// AllowTempDestinationStealing lets any connection consume from temporary
	// destinations.
	AllowTempDestinationStealing bool `config:"allowTempDestinationStealing"`
	// GCInactiveDestinations removes what is empty and has not been used for
	// InactiveTimeoutBeforeGC, as often as schedulePeriodForDestinationPurge
	// says.
	GCInactiveDestinations bool `config:"gcInactiveDestinations"`
	// GCWithNetworkConsumers does so although other brokers consume.
	GCWithNetworkConsumers  bool          `config:"gcWithNetworkConsumers"`
	InactiveTimeoutBeforeGC time.Duration `config:"inactiveTimeoutBeforeGC"`
	// InactiveTimoutBeforeGC is the same under its older, misspelt name; -1 is
	// not set.
	InactiveTimoutBeforeGC time.Duration `config:"inactiveTimoutBeforeGC"`
	// MaxDestinations bounds the destinations that the entry's pattern covers;
	// -1 does not.
	MaxDestinations int `config:"maxDestinations"`
}

func (e *DestinationEntry) setDefaults() {
	e.InactiveTimeoutBeforeGC = time.Minute
	e.InactiveTimoutBeforeGC = -time.Millisecond
	e.MaxDestinations = -1
}

// InactiveTimeout is the one of the two that is set.
func (e *DestinationEntry) InactiveTimeout() time.Duration {
	if e.InactiveTimoutBeforeGC >= 0 {
		return e.InactiveTimoutBeforeGC
	}
	return e.InactiveTimeoutBeforeGC
}

func (e *DestinationEntry) check(b *binder, path string) {
	b.notNegative(path+".inactiveTimeoutBeforeGC", e.InactiveTimeoutBeforeGC)
	b.within(path+".maxDestinations", int64(e.MaxDestinations), -1, maxPending)
}

func (DestinationEntry) others() others { return nil }
