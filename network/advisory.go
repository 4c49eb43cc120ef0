package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// command takes what the other broker sends on its own. It is called by the
// wire's reader alone. (ActiveMQ: serviceRemoteCommand)
func (b *bridge) command(command any) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	switch c := command.(type) {
	case *message.Delivery:
		if c.Consumer != b.listener || c.Message == nil {
			return fmt.Errorf("%w: a delivery for %s, which is no consumer", ErrProtocol, c.Consumer)
		}
		return b.advisory(c.Message)
	case *message.Message:
		return b.advisory(c)
	case *openwire.BrokerSubscriptionInfo:
		return b.synchronize(c)
	case *openwire.Shutdown:
		return errLeft
	}
	return nil
}

// interpreted reports whether m is an advisory that bridges act on. (ActiveMQ:
// NetworkBridgeFilter.isAdvisoryInterpretedByNetworkBridge)
func interpreted(m *message.Message) bool {
	if m.DataStructure == nil || !m.Destination.IsAdvisory() {
		return false
	}
	name := m.Destination.Name
	return strings.HasPrefix(name, consumerAdvisories) || strings.HasPrefix(name, virtualAdvisories) ||
		name == message.AdvisoryPrefix+"TempQueue" || name == message.AdvisoryPrefix+"TempTopic"
}

// advisory acts on one advisory and acknowledges several at a time.
func (b *bridge) advisory(m *message.Message) error {
	if err := b.learn(m.DataStructure); err != nil {
		return err
	}
	b.heard++
	if limit := b.prefetch(b.config.advisories()); b.heard > int(limit)*b.config.AdvisoryAckPercentage/100 {
		a := &message.Ack{Type: message.StandardAck, Count: int32(b.heard), Destination: m.Destination, Consumer: b.listener, Last: m.ID}
		b.heard = 0
		return b.wire.Push(a)
	}
	return nil
}

// learn acts on what an advisory tells. (ActiveMQ:
// serviceRemoteConsumerAdvisory)
func (b *bridge) learn(data any) error {
	switch info := data.(type) {
	case *message.ConsumerInfo:
		return b.consumerCame(info)
	case *message.DestinationInfo:
		return b.temporary(info)
	case *message.RemoveInfo:
		if id, ok := info.Object.(message.ConsumerID); ok {
			return b.consumerWent(id)
		}
	case *message.RemoveSubscriptionInfo:
		return b.subscriberWent(subscriber{info.ClientID, info.Name})
	}
	return nil
}

// concerns reports whether what is at the end of a path may be served by this
// bridge.
func (b *bridge) concerns(path []message.BrokerID) bool {
	if ttl := b.config.ConsumerTTL; ttl > -1 && len(path) >= ttl {
		return false
	}
	return !slices.Contains(path, b.net.broker.ID())
}

func (b *bridge) consumerCame(info *message.ConsumerInfo) error {
	if info.Browser || info.Destination.IsZero() || !b.concerns(info.BrokerPath) || !b.config.permits(info.Destination) {
		return nil
	}
	c := *info
	c.BrokerPath = append(slices.Clone(info.BrokerPath), b.remote.ID)
	c.NetworkConsumerPath = append(slices.Clone(info.NetworkConsumerPath), info.ID)
	return b.demand(&c)
}

// temporary makes or removes a temporary destination of a client of the other
// broker's, so that replies can be sent to it from here.
func (b *bridge) temporary(info *message.DestinationInfo) error {
	d := info.Destination
	if !d.Kind.IsTemporary() || !b.concerns(info.BrokerPath) {
		return nil
	}
	mine := &message.DestinationInfo{
		Connection: b.session.Connection, Destination: d, Operation: info.Operation,
		BrokerPath: append(slices.Clone(info.BrokerPath), b.remote.ID),
	}
	if info.Operation == message.AddDestination {
		if err := b.local.AddDestination(mine); err != nil {
			b.log.Warn("a temporary destination cannot be made here", "destination", d.String(), "error", err)
		}
		return nil
	}
	b.chore.add(func() { // after the consumers that are being removed
		if err := b.local.RemoveDestination(mine); err != nil {
			b.log.Debug("a temporary destination cannot be removed", "destination", d.String(), "error", err)
		}
	})
	return nil
}
