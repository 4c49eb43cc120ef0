package network

import (
	"strings"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// durablePrefix begins the names of durable subscriptions that bridges make.
// (ActiveMQ: DURABLE_SUB_PREFIX)
const durablePrefix = "NC-DS_"

// durableSyncVersion is the version of OpenWire that has
// BrokerSubscriptionInfo. (ActiveMQ: PROTOCOL_VERSION_DURABLE_SYNC)
const durableSyncVersion = 12

// subscriptionName is the same after every restart of either broker.
func (b *bridge) subscriptionName(d message.Destination) string {
	return durablePrefix + b.config.BrokerName + "_" + d.Name
}

// subscriberOf names the durable subscriber that a consumer is, as its
// RemoveSubscriptionInfo will: one that a bridge of the other broker's has made
// is named by that bridge's client id. (ActiveMQ: addProxyNetworkSubscription…)
func (b *bridge) subscriberOf(info *message.ConsumerInfo) subscriber {
	return subscriber{info.ClientID, info.SubscriptionName}
}

// subscriberWent ends what a durable subscriber was served by that has
// unsubscribed there.
func (b *bridge) subscriberWent(s subscriber) error {
	b.net.shared.unsubscribed(b, s)
	b.mu.Lock()
	var over []*demand
	for _, d := range b.demands.byLocal {
		if !d.unsubscribed(s) {
			continue
		}
		if len(d.subscribers) == 0 && len(d.interested) == 0 && !d.retiring && !d.draining {
			over = append(over, d)
		}
	}
	b.mu.Unlock()
	for _, d := range over {
		b.retire(d)
	}
	return nil
}

// unsubscribed forgets a durable subscriber. One that a bridge of an ActiveMQ
// has made is announced with the client id of the subscriber behind it and
// removed with that of the bridge; its name has to do.
func (d *demand) unsubscribed(s subscriber) bool {
	if d.subscribers[s] {
		delete(d.subscribers, s)
		return true
	}
	for o := range d.subscribers {
		if o.is(s) {
			delete(d.subscribers, o)
			return true
		}
	}
	return false
}

// is reports whether a subscriber is the one that has gone.
func (s subscriber) is(gone subscriber) bool {
	return s == gone || s.name == gone.name && strings.HasPrefix(s.name, durablePrefix)
}

// addStatic makes the subscriptions that need no consumer: those configured,
// and the durable ones of an earlier bridge, whose messages would else wait
// until their subscriber comes back there. (ActiveMQ: setupStaticDestinations)
func (b *bridge) addStatic() {
	for _, r := range b.config.StaticallyIncludedDestinations {
		if !b.config.permits(r.Destination) {
			b.log.Info("a statically included destination is excluded", "destination", r.String())
			continue
		}
		b.addFixed(r.Destination, "")
	}
	if b.config.DynamicOnly || !b.config.ConduitSubscriptions {
		return
	}
	for _, s := range b.net.broker.Subscriptions() {
		d := s.SubscribedDestination
		if s.ClientID != b.clientID || s.Name != b.subscriptionName(d) || s.Active {
			continue
		}
		switch {
		case b.config.permits(d) && (b.config.DurableDestinations == nil || match(b.config.DurableDestinations, d) != nil):
			b.addFixed(d, s.Name)
		case b.config.SyncDurableSubs && !b.config.permits(d):
			b.unsubscribe(s.Name)
		}
	}
}

// addFixed subscribes without a consumer there.
func (b *bridge) addFixed(dest message.Destination, durable string) {
	info := &message.ConsumerInfo{
		Destination: dest, NetworkSubscription: true, SubscriptionName: durable,
		BrokerPath: []message.BrokerID{b.remote.ID},
	}
	d := newDemand()
	d.static, d.durable = true, durable != ""
	b.changing.Lock()
	defer b.changing.Unlock()
	b.mu.Lock()
	exists := durable != "" && len(b.demands.covering(dest)) > 0
	b.mu.Unlock()
	if exists {
		return
	}
	d.local = b.localInfo(info, d)
	d.local.NetworkConsumerPath = []message.ConsumerID{d.local.ID}
	if _, err := b.add(d); err != nil {
		b.fail(err)
	}
}

func (b *bridge) unsubscribe(name string) {
	err := b.local.RemoveSubscription(&message.RemoveSubscriptionInfo{Connection: b.session.Connection, ClientID: b.clientID, Name: name})
	if err != nil {
		b.note(err)
	}
}

// subscriptions tells the other broker which durable subscriptions there are
// here, so that it ends what serves none any more. (ActiveMQ:
// NetworkBridgeUtils.getBrokerSubscriptionInfo)
func (n *Network) subscriptions(c *Configuration) *openwire.BrokerSubscriptionInfo {
	info := &openwire.BrokerSubscriptionInfo{Name: n.broker.Name(), Subscriptions: []*message.ConsumerInfo{}}
	for _, s := range n.broker.Subscriptions() {
		if match(c.DynamicallyIncludedDestinations, s.SubscribedDestination) == nil {
			continue
		}
		info.Subscriptions = append(info.Subscriptions, &message.ConsumerInfo{
			ID:          message.ConsumerID{Connection: message.ConnectionID("OFFLINE"), Session: 1, Value: int64(len(info.Subscriptions) + 1)},
			Destination: s.SubscribedDestination, Selector: s.Selector, NoLocal: s.NoLocal,
			ClientID: s.ClientID, SubscriptionName: s.Name,
			NetworkSubscription: strings.HasPrefix(s.Name, durablePrefix),
		})
	}
	consumers := n.broker.Consumers()
	if c.UseVirtualDestSubs {
		consumers = append(consumers, n.broker.VirtualConsumers()...)
	}
	for _, consumer := range consumers {
		if c.forcesDurable(consumer) {
			info.Subscriptions = append(info.Subscriptions, consumer)
		}
	}
	return info
}

// synchronize takes the other broker's durable subscriptions: those that this
// bridge does not know are added, what serves none ends.
func (b *bridge) synchronize(info *openwire.BrokerSubscriptionInfo) error {
	if !b.config.SyncDurableSubs || !b.config.ConduitSubscriptions || b.config.DynamicOnly {
		return nil
	}
	for _, s := range info.Subscriptions {
		if s == nil || match(b.config.DynamicallyIncludedDestinations, s.Destination) == nil || b.own(s) {
			continue
		}
		if err := b.learn(s); err != nil {
			return err
		}
	}
	b.mu.Lock()
	var over []*demand
	for _, d := range b.demands.byLocal {
		if d.durable && !d.retiring && !d.draining && len(d.subscribers) == 0 && len(d.interested) == 0 &&
			match(b.config.DynamicallyIncludedDestinations, d.local.Destination) != nil {
			over = append(over, d)
		}
	}
	b.mu.Unlock()
	for _, d := range over {
		b.retire(d)
	}
	return nil
}

// own reports whether a durable subscription there was made by the bridge in
// the other direction, for subscribers here.
func (b *bridge) own(s *message.ConsumerInfo) bool {
	return strings.HasPrefix(s.SubscriptionName, durablePrefix) && (s.ClientID == "" || strings.HasPrefix(s.ClientID, b.config.Name))
}
