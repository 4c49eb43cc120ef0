package broker

import (
	"time"

	"github.com/conclavemq/conclave/message"
)

// DestinationPolicy is the part of a Policy about how long destinations live
// and how many there may be.
type DestinationPolicy struct {
	// Pattern is the policy's own, which MaxDestinations counts by; a null
	// destination, of a default policy, means all of the kind.
	Pattern message.Destination
	// MaxDestinations bounds the destinations that Pattern covers; -1 does not.
	MaxDestinations int
	// GCInactiveDestinations removes a destination that is empty and has had
	// neither consumers nor producers for InactiveTimeoutBeforeGC.
	GCInactiveDestinations  bool
	InactiveTimeoutBeforeGC time.Duration
	// GCWithNetworkConsumers removes it although other brokers consume from it.
	GCWithNetworkConsumers bool
	// AllowTempDestinationStealing lets any connection consume from a
	// temporary destination.
	AllowTempDestinationStealing bool
}

// defaultDestinationPolicy is ActiveMQ's.
func defaultDestinationPolicy() DestinationPolicy {
	return DestinationPolicy{MaxDestinations: -1, InactiveTimeoutBeforeGC: time.Minute}
}
