package broker

import "time"

// BridgePolicy is how a destination's messages go to other brokers. (ActiveMQ:
// ConditionalNetworkBridgeFilterFactory, whose names the fields have)
type BridgePolicy struct {
	// ReplayWhenNoConsumers lets a message go back to a broker that it has come
	// from, where no local consumer wants it, ReplayDelay after it came.
	ReplayWhenNoConsumers bool
	ReplayDelay           time.Duration
	// RateLimit bounds what each bridge takes in RateDuration; 0 does not.
	RateLimit    int
	RateDuration time.Duration
	// SelectorAware counts only local consumers whose selector wants the
	// message.
	SelectorAware bool
}
