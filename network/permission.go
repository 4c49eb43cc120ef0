package network

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
)

// match returns the first rule that covers d, or nil.
func match(rules []Rule, d message.Destination) *Rule {
	for i := range rules {
		if broker.Matches(rules[i].Destination, d) {
			return &rules[i]
		}
	}
	return nil
}

// permits reports whether messages of d may pass a bridge; every part of a
// composite must be permitted. (ActiveMQ:
// DemandForwardingBridgeSupport.isPermissableDestination)
func (c *Configuration) permits(d message.Destination) bool {
	if !d.IsComposite() {
		return c.permitsOne(d)
	}
	for _, part := range d.Parts() {
		if !c.permitsOne(part) {
			return false
		}
	}
	return true
}

func (c *Configuration) permitsOne(d message.Destination) bool {
	switch {
	case d.Kind.IsTemporary():
		return c.BridgeTempDestinations
	case match(c.ExcludedDestinations, d) != nil:
		return false
	case match(c.StaticallyIncludedDestinations, d) != nil:
		return true
	case len(c.DynamicallyIncludedDestinations) > 0:
		return match(c.DynamicallyIncludedDestinations, d) != nil
	}
	return true
}

// forcesDurable reports whether the network subscription for a topic
// subscriber is to be durable though that is not. (ActiveMQ:
// NetworkBridgeUtils.isForcedDurable)
func (c *Configuration) forcesDurable(info *message.ConsumerInfo) bool {
	d := info.Destination
	if info.Durable() || d.Kind != message.Topic || d.IsAdvisory() {
		return false
	}
	if r := match(c.DynamicallyIncludedDestinations, d); r != nil {
		return r.ForceDurable
	}
	r := match(c.StaticallyIncludedDestinations, d)
	return r != nil && r.ForceDurable
}
