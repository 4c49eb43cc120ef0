package console

import (
	"time"

	"github.com/conclavemq/conclave/console/jolokia"
)

// networkBean is a network connector and what has become of it.
type networkBean struct {
	*NetworkConnector
	bridges []Bridge
}

// networkClass is ActiveMQ's NetworkConnectorViewMBean, and Bridges, which
// ActiveMQ does not have: a bridge has a bean of its own only while there is
// one, and why there is none is said here.
var networkClass = class("NetworkConnectorView", []jolokia.Attribute{
	of("Name", text, "The connector's name.", func(c *networkBean) any { return c.Name }),
	of("MessageTTL", integer, "Brokers that messages may pass.", func(c *networkBean) any { return c.MessageTTL }),
	of("ConsumerTTL", integer, "Brokers that knowledge of consumers may pass.", func(c *networkBean) any { return c.ConsumerTTL }),
	of("PrefetchSize", integer, "Messages that a bridge takes ahead.", func(c *networkBean) any { return c.PrefetchSize }),
	of("AdvisoryPrefetchSize", integer, "Advisories that a bridge takes ahead; 0 is as messages.", func(c *networkBean) any { return c.AdvisoryPrefetchSize }),
	of("UserName", text, "As whom it is connected.", func(c *networkBean) any { return orNull(c.UserName) }),
	of("Password", text, "Is not shown.", func(*networkBean) any { return "****" }),
	of("RemoteUserName", text, "As whom it is connected to the other broker.", func(c *networkBean) any { return orNull(c.RemoteUserName) }),
	of("RemotePassword", text, "Is not shown.", func(*networkBean) any { return "****" }),
	of("BridgeTempDestinations", boolean, "Whether temporary destinations are reached.", func(c *networkBean) any { return c.BridgeTempDestinations }),
	of("ConduitSubscriptions", boolean, "Whether consumers of one destination count as one.", func(c *networkBean) any { return c.ConduitSubscriptions }),
	of("DecreaseNetworkConsumerPriority", boolean, "Whether consumers of other brokers come later.", func(c *networkBean) any { return c.DecreaseNetworkConsumerPriority }),
	of("DispatchAsync", boolean, "Whether a delivery to a bridge waits for nothing.", func(c *networkBean) any { return c.DispatchAsync }),
	of("DynamicOnly", boolean, "Whether durable subscriptions wait for their subscriber.", func(c *networkBean) any { return c.DynamicOnly }),
	of("Duplex", boolean, "Whether messages go both ways.", func(c *networkBean) any { return c.Duplex }),
	of("SuppressDuplicateQueueSubscriptions", boolean, "Whether one way to a queue's consumer is enough.", func(c *networkBean) any { return c.SuppressDuplicateQueueSubscriptions }),
	of("SuppressDuplicateTopicSubscriptions", boolean, "Whether one way to a topic's consumer is enough.", func(c *networkBean) any { return c.SuppressDuplicateTopicSubscriptions }),
	of("Bridges", "[Ljavax.management.openmbean.CompositeData;", "The bridges, those that cannot be made too, with their state, counters and last error.", func(c *networkBean) any {
		list := []any{}
		for i := range c.bridges {
			list = append(list, c.bridges[i].object())
		}
		return list
	}),
})

// bridgeClass is ActiveMQ's NetworkBridgeViewMBean, and what follows CreatedByDuplex.
var bridgeClass = class("NetworkBridgeView", []jolokia.Attribute{
	of("LocalBrokerName", text, "This broker's name.", func(b *bridgeBean) any { return b.view.Summary().Name }),
	of("RemoteBrokerName", text, "The other broker's name.", func(b *bridgeBean) any { return orNull(b.RemoteBroker) }),
	of("RemoteBrokerId", text, "The other broker's id.", func(b *bridgeBean) any { return orNull(b.RemoteBrokerID) }),
	of("RemoteAddress", text, "The other broker's address.", func(b *bridgeBean) any { return orNull(b.RemoteAddress) }),
	of("EnqueueCounter", long, "Messages that it took here.", func(b *bridgeBean) any { return b.Enqueued }),
	of("DequeueCounter", long, "Messages that the other broker has confirmed.", func(b *bridgeBean) any { return b.Dequeued }),
	of("ReceivedCounter", long, "Messages that came on the connection of a duplex bridge.", func(b *bridgeBean) any { return b.Received }),
	of("CreatedByDuplex", boolean, "Whether the other broker has made it.", func(b *bridgeBean) any { return b.CreatedByDuplex }),
	of("FailedCounter", long, "Messages that were refused or lost with the connection.", func(b *bridgeBean) any { return b.Failed }),
	of("Subscriptions", integer, "What it consumes here for consumers there.", func(b *bridgeBean) any { return b.Bridge.Subscriptions }),
	of("State", text, "How far it is.", func(b *bridgeBean) any { return b.State }),
	of("LastError", text, "What went wrong last.", func(b *bridgeBean) any { return orNull(b.LastError) }),
	of("LastErrorTime", text, "When that was.", func(b *bridgeBean) any { return timeOf(b.LastErrorAt) }),
})

type bridgeBean struct {
	view *view
	*Bridge
}

// object has a bridge's values by the names of the attributes of its bean.
func (b *Bridge) object() map[string]any {
	return map[string]any{
		"URI": orNull(b.URI), "State": b.State, "Since": timeOf(b.Since),
		"RemoteBrokerName": orNull(b.RemoteBroker), "RemoteBrokerId": orNull(b.RemoteBrokerID), "RemoteAddress": orNull(b.RemoteAddress),
		"EnqueueCounter": b.Enqueued, "DequeueCounter": b.Dequeued, "ReceivedCounter": b.Received, "FailedCounter": b.Failed,
		"Subscriptions": b.Subscriptions, "Tries": b.Tries, "Made": b.Made,
		"LastError": orNull(b.LastError), "LastErrorTime": timeOf(b.LastErrorAt),
	}
}

// timeOf is a time as Jolokia shows it; null if it is not set.
func timeOf(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Format(time.RFC3339)
}

// eachNetwork makes beans of the network. Of several with one name the first has
// a bean, as with JMX.
func (v *view) eachNetwork(f func(*jolokia.Bean)) {
	seen := map[string]bool{}
	once := func(b *jolokia.Bean) {
		if name := b.Name.Canonical(); !seen[name] {
			seen[name] = true
			f(b)
		}
	}
	for _, c := range v.NetworkConnectors() {
		bean := &networkBean{NetworkConnector: &c}
		for _, b := range v.Bridges() {
			if b.Connector == c.Name && !b.CreatedByDuplex {
				bean.bridges = append(bean.bridges, b)
			}
		}
		once(&jolokia.Bean{Name: v.networkName("networkConnectors", c.Name), Class: networkClass, Subject: bean})
	}
	for _, b := range v.Bridges() {
		if b.Bridged {
			once(&jolokia.Bean{Name: v.bridgeName(&b), Class: bridgeClass, Subject: &bridgeBean{v, &b}})
		}
	}
}

func (v *view) networkName(kind, name string) jolokia.Name {
	return v.name.With("connector", kind, "networkConnectorName", jolokia.Encode(name))
}

// bridgeName has the connector's keys; one that the other broker has made has
// a connector that is only in its name.
func (v *view) bridgeName(b *Bridge) jolokia.Name {
	above := v.networkName("networkConnectors", b.Connector)
	if b.CreatedByDuplex {
		above = v.networkName("duplexNetworkConnectors", b.Connector+"@"+b.RemoteBroker)
	}
	return above.With("networkBridge", jolokia.Encode(b.RemoteAddress))
}
