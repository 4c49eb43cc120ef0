package config

import "time"

// BridgeEntry is the part of a policy about other brokers.
type BridgeEntry struct {
	NetworkBridgeFilterFactory NetworkBridgeFilterFactory `config:"networkBridgeFilterFactory"`
}

func (BridgeEntry) others() others { return nil }

func (e *BridgeEntry) check(b *binder, path string) {
	e.NetworkBridgeFilterFactory.check(b, path+".networkBridgeFilterFactory")
}

// NetworkBridgeFilterFactory is the <networkBridgeFilterFactory> element of a
// policy: how messages go to other brokers.
type NetworkBridgeFilterFactory struct {
	Conditional *ConditionalNetworkBridgeFilterFactory `config:"conditionalNetworkBridgeFilterFactory"`
}

func (NetworkBridgeFilterFactory) others() others { return nil }

func (f *NetworkBridgeFilterFactory) check(b *binder, path string) {
	if c := f.Conditional; c != nil {
		path += ".conditionalNetworkBridgeFilterFactory"
		b.notNegative(path+".replayDelay", c.ReplayDelay)
		b.within(path+".rateLimit", int64(c.RateLimit), 0, maxPending)
		if c.RateLimit > 0 && c.RateDuration <= 0 {
			b.bad(path+".rateDuration", "must be more than 0")
		}
	}
}

// ConditionalNetworkBridgeFilterFactory is what ActiveMQ has. Without it
// messages go back to where they came from if nobody wants them here, nobody
// beyond, and somebody there; with it, as ReplayWhenNoConsumers says.
type ConditionalNetworkBridgeFilterFactory struct {
	ReplayWhenNoConsumers bool          `config:"replayWhenNoConsumers"`
	ReplayDelay           time.Duration `config:"replayDelay"`
	RateLimit             int           `config:"rateLimit"` // messages in RateDuration, 0 any number
	RateDuration          time.Duration `config:"rateDuration"`
	SelectorAware         bool          `config:"selectorAware"`
}

func (f *ConditionalNetworkBridgeFilterFactory) setDefaults() { f.RateDuration = time.Second }

func (ConditionalNetworkBridgeFilterFactory) others() others { return nil }
