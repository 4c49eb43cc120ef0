package broker

import "github.com/conclavemq/conclave/message"

// What bridges to other brokers ask for beside what a client does.

// ConnectBridge is Connect for the local end of a bridge, which stands for the
// clients of another broker: it may make and consume their temporary
// destinations.
func (b *Broker) ConnectBridge(info *message.ConnectionInfo, peer Peer) (*Connection, error) {
	if err := b.bridged.uses(); err != nil {
		return nil, err
	}
	return b.connect(info, peer, false, true)
}

// FromBroker says that c is a network connection of the broker of that name.
// What it sends again after a fault is then stored once.
func (c *Connection) FromBroker(name string) { c.source.Store(&name) }

// ID is the broker's identifier.
func (b *Broker) ID() message.BrokerID { return b.options.ID }

// Name is the brokerName.
func (b *Broker) Name() string { return b.name }

// Subscription is a durable subscription as a bridge sees it.
type Subscription struct {
	message.SubscriptionInfo
	Active bool
}

// Subscriptions lists the durable subscriptions; Destination is not set.
func (b *Broker) Subscriptions() []Subscription {
	var list []Subscription
	for _, d := range b.durables.all() {
		d.mu.Lock()
		if !d.gone && len(d.feeds) > 0 {
			list = append(list, Subscription{d.info, d.active != nil})
		}
		d.mu.Unlock()
	}
	return list
}

// Consumers lists the consumers that advisories tell of.
func (b *Broker) Consumers() []*message.ConsumerInfo {
	b.advise.mu.Lock()
	defer b.advise.mu.Unlock()
	list := make([]*message.ConsumerInfo, 0, len(b.advise.consumers))
	for _, x := range b.advise.consumers {
		list = append(list, x.info)
	}
	return list
}

// Matches reports whether pattern, which may hold the wildcards * and >, covers
// dest.
func Matches(pattern, dest message.Destination) bool { return matches(pattern, dest) }
