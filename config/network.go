package config

import (
	"math"
	"strings"
)

// BrokerNetwork are the attributes of <broker> about other brokers.
type BrokerNetwork struct {
	NetworkConnectors []NetworkConnector `config:"networkConnectors,item=networkConnector"`
}

func (BrokerNetwork) others() others {
	return others{
		"networkConnectorStartAsync": tuned("false", "network connectors never keep the broker from starting"),
		"networkConnectorURIs":       absent("write them as networkConnectors"),
	}
}

func (n *BrokerNetwork) check(b *binder, path string) {
	for i := range n.NetworkConnectors {
		n.NetworkConnectors[i].check(b, index(path+".networkConnectors", i))
	}
}

// NetworkConnector is the <networkConnector> element: bridges to other brokers.
// The URI is read by network/discovery. (ActiveMQ: DiscoveryNetworkConnector,
// NetworkBridgeConfiguration)
type NetworkConnector struct {
	Name string `config:"name"`
	URI  string `config:"uri"`
	// AutoStart false leaves it out.
	AutoStart bool `config:"autoStart"`
	// Duplex has the other broker bridge back on the same connection.
	Duplex bool `config:"duplex"`

	// NetworkTTL is how many brokers messages and knowledge of consumers may
	// pass, -1 any number; ConsumerTTL and MessageTTL are each alone.
	NetworkTTL  int `config:"networkTTL"`
	ConsumerTTL int `config:"consumerTTL"`
	MessageTTL  int `config:"messageTTL"`

	DynamicOnly  bool `config:"dynamicOnly"`
	StaticBridge bool `config:"staticBridge"`

	ConduitSubscriptions                bool `config:"conduitSubscriptions"`
	ConduitNetworkQueueSubscriptions    bool `config:"conduitNetworkQueueSubscriptions"`
	SuppressDuplicateQueueSubscriptions bool `config:"suppressDuplicateQueueSubscriptions"`
	SuppressDuplicateTopicSubscriptions bool `config:"suppressDuplicateTopicSubscriptions"`
	DecreaseNetworkConsumerPriority     bool `config:"decreaseNetworkConsumerPriority"`
	ConsumerPriorityBase                int  `config:"consumerPriorityBase"`
	BridgeTempDestinations              bool `config:"bridgeTempDestinations"`
	UseVirtualDestSubs                  bool `config:"useVirtualDestSubs"`
	SyncDurableSubs                     bool `config:"syncDurableSubs"`

	PrefetchSize          int  `config:"prefetchSize"`
	AdvisoryPrefetchSize  int  `config:"advisoryPrefetchSize"`
	AdvisoryAckPercentage int  `config:"advisoryAckPercentage"`
	DispatchAsync         bool `config:"dispatchAsync"`
	AlwaysSyncSend        bool `config:"alwaysSyncSend"`

	AdvisoryForFailedForward bool `config:"advisoryForFailedForward"`

	// UserName and Password are for this broker, and for the other where the
	// next two are not given.
	UserName       string `config:"userName"`
	Password       string `config:"password"`
	RemoteUserName string `config:"remoteUserName"`
	RemotePassword string `config:"remotePassword"`

	ClientIDToken     string `config:"clientIdToken"`
	DestinationFilter string `config:"destinationFilter"`

	ExcludedDestinations            []NetworkDestination `config:"excludedDestinations"`
	DynamicallyIncludedDestinations []NetworkDestination `config:"dynamicallyIncludedDestinations"`
	StaticallyIncludedDestinations  []NetworkDestination `config:"staticallyIncludedDestinations"`
	DurableDestinations             []NetworkDestination `config:"durableDestinations"`
}

// UnsetTTL stands for a TTL that is NetworkTTL's.
const UnsetTTL = math.MinInt32

func (c *NetworkConnector) setDefaults() {
	c.Name = "NC"
	c.AutoStart = true
	c.NetworkTTL, c.ConsumerTTL, c.MessageTTL = 1, UnsetTTL, UnsetTTL
	c.ConduitSubscriptions = true
	c.SuppressDuplicateTopicSubscriptions = true
	c.DecreaseNetworkConsumerPriority = true
	c.ConsumerPriorityBase = -5
	c.BridgeTempDestinations = true
	c.PrefetchSize = 1000
	c.AdvisoryAckPercentage = 75
	c.DispatchAsync = true
	c.AlwaysSyncSend = true
	c.ClientIDToken = "_"
}

func (NetworkConnector) others() others {
	const reasonViews = "there is no management view of each destination of a bridge"
	return others{
		"bridgeFactory":                  absent(reasonJava),
		"brokerName":                     absent("it is the broker's"),
		"brokerURL":                      absent("it is the first transport connector's"),
		"checkDuplicateMessagesOnDuplex": tuned("false", "what a bridge sends again is always recognised"),
		"connectionFilter":               absent(reasonPlugins),
		"discoveryAgent":                 absent("write uri"),
		"gcDestinationViews":             tuned("true", reasonViews),
		"gcSweepTime":                    tuned("60000", reasonViews),
		"localUri":                       absent("bridges are inside the broker; there is no vm: transport"),
		"objectName":                     absent(reasonJava),
		"sslContext":                     absent("write the key and trust stores as options of the address in uri, where ssl: is available"),
		"useBrokerNamesAsIdSeed":         tuned("true", "ids of connections are unique in either case"),
		"useCompression":                 refused("false", "a message is passed on as it came; have the producers compress it"),
	}
}

func (c *NetworkConnector) check(b *binder, path string) {
	const most = 1 << 16
	b.within(path+".networkTTL", int64(c.NetworkTTL), -1, most)
	if c.ConsumerTTL != UnsetTTL {
		b.within(path+".consumerTTL", int64(c.ConsumerTTL), -1, most)
	}
	if c.MessageTTL != UnsetTTL {
		b.within(path+".messageTTL", int64(c.MessageTTL), -1, most)
	}
	b.within(path+".prefetchSize", int64(c.PrefetchSize), 1, 1<<20)
	b.within(path+".advisoryPrefetchSize", int64(c.AdvisoryPrefetchSize), 0, 1<<20)
	b.within(path+".advisoryAckPercentage", int64(c.AdvisoryAckPercentage), 0, 100)
	b.within(path+".consumerPriorityBase", int64(c.ConsumerPriorityBase), -127, 127)
	c.URI = strings.TrimSpace(c.URI)
	if c.URI == "" {
		b.bad(path+".uri", "is missing; write such as static:(tcp://host:61616)")
	}
	if c.Name == "" {
		b.bad(path+".name", "is empty")
	}
	if c.ClientIDToken == "" {
		b.bad(path+".clientIdToken", "is empty")
	}
	for name, list := range map[string][]NetworkDestination{
		"excludedDestinations": c.ExcludedDestinations, "dynamicallyIncludedDestinations": c.DynamicallyIncludedDestinations,
		"staticallyIncludedDestinations": c.StaticallyIncludedDestinations, "durableDestinations": c.DurableDestinations,
	} {
		for i := range list {
			list[i].check(b, index(path+"."+name, i))
		}
	}
}

// NetworkDestination is a <queue>, <topic>, <tempQueue> or <tempTopic> in a
// connector's list; a physicalName may be a pattern, and that of a topic may
// end with "?forceDurable=true".
type NetworkDestination struct {
	Queue     *NamedQueue `config:"queue"`
	Topic     *NamedTopic `config:"topic"`
	TempQueue *NamedQueue `config:"tempQueue"`
	TempTopic *NamedTopic `config:"tempTopic"`
}

func (NetworkDestination) others() others { return nil }

func (d *NetworkDestination) check(b *binder, path string) {
	b.exactlyOne(path, "queue or topic", d.Queue != nil, d.Topic != nil, d.TempQueue != nil, d.TempTopic != nil)
	if _, name := d.Named(); name == "" {
		b.bad(path, "has no physicalName")
	}
}

// Named is the element's kind, such as "queue", and its physicalName.
func (d *NetworkDestination) Named() (kind, name string) {
	switch {
	case d.Queue != nil:
		return "queue", d.Queue.PhysicalName
	case d.Topic != nil:
		return "topic", d.Topic.PhysicalName
	case d.TempQueue != nil:
		return "temp-queue", d.TempQueue.PhysicalName
	case d.TempTopic != nil:
		return "temp-topic", d.TempTopic.PhysicalName
	}
	return "", ""
}
