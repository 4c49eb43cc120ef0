package network

import (
	"strings"

	"github.com/conclavemq/conclave/message"
)

// Configuration is how a bridge works. Fields have the names of ActiveMQ's
// networkConnector attributes, which the rear end of a duplex bridge is told
// by. (ActiveMQ: NetworkBridgeConfiguration)
type Configuration struct {
	Name       string // of the connector; part of what durable subscriptions are filed under
	BrokerName string // of the broker that the bridge is in
	BrokerURL  string
	Duplex     bool

	ConsumerTTL, MessageTTL int // hops; -1 any number
	DynamicOnly             bool
	StaticBridge            bool

	ConduitSubscriptions                bool
	ConduitNetworkQueueSubscriptions    bool
	SuppressDuplicateQueueSubscriptions bool
	SuppressDuplicateTopicSubscriptions bool
	DecreaseNetworkConsumerPriority     bool
	ConsumerPriorityBase                int
	BridgeTempDestinations              bool
	UseVirtualDestSubs                  bool
	SyncDurableSubs                     bool

	PrefetchSize          int
	AdvisoryPrefetchSize  int // 0: PrefetchSize
	AdvisoryAckPercentage int
	DispatchAsync         bool
	AlwaysSyncSend        bool

	AdvisoryForFailedForward bool

	UserName, Password             string // here
	RemoteUserName, RemotePassword string // there; "" is as here

	ClientIDToken     string
	DestinationFilter string // "" for that of the included destinations, or all

	ExcludedDestinations            []Rule
	DynamicallyIncludedDestinations []Rule
	StaticallyIncludedDestinations  []Rule
	// DurableDestinations are topics whose durable subscriptions are taken up
	// again when a bridge starts; nil: all that there are.
	DurableDestinations []Rule
}

// DefaultConfiguration is ActiveMQ's networkConnector without attributes, but
// for decreaseNetworkConsumerPriority, which is true from 5.17 on in XML and
// here.
func DefaultConfiguration() Configuration {
	return Configuration{
		Name: "NC", BrokerName: "localhost",
		ConsumerTTL: 1, MessageTTL: 1,
		ConduitSubscriptions:                true,
		SuppressDuplicateTopicSubscriptions: true,
		DecreaseNetworkConsumerPriority:     true,
		ConsumerPriorityBase:                -5,
		BridgeTempDestinations:              true,
		PrefetchSize:                        1000,
		AdvisoryAckPercentage:               75,
		DispatchAsync:                       true,
		AlwaysSyncSend:                      true,
		ClientIDToken:                       "_",
	}
}

// Rule names destinations, by a name or a pattern.
type Rule struct {
	message.Destination
	// ForceDurable makes network subscriptions of topics durable though the
	// subscribers are not. (ActiveMQ: destination option forceDurable)
	ForceDurable bool
}

// ParseRule reads "queue://A.>", "topic://B?forceDurable=true" or a bare name,
// which is a queue's.
func ParseRule(text string) Rule {
	name, options, _ := strings.Cut(strings.TrimSpace(text), "?")
	r := Rule{Destination: message.ParseDestination(name, message.Queue)}
	for option := range strings.SplitSeq(options, "&") {
		if key, value, _ := strings.Cut(option, "="); key == "forceDurable" && strings.EqualFold(value, "true") {
			r.ForceDurable = true
		}
	}
	return r
}

// String is the rule as ParseRule reads it.
func (r Rule) String() string {
	if r.ForceDurable {
		return r.Destination.String() + "?forceDurable=true"
	}
	return r.Destination.String()
}

// Advisory topics that a bridge listens to. (ActiveMQ: AdvisorySupport)
const (
	consumerAdvisories = message.AdvisoryPrefix + "Consumer."
	virtualAdvisories  = message.AdvisoryPrefix + "VirtualDestination.Consumer."
	tempAdvisories     = message.AdvisoryPrefix + "TempQueue," + message.AdvisoryPrefix + "TempTopic"
)

// advisories names the topics that tell of demand, as a composite. (ActiveMQ:
// NetworkBridgeConfiguration.getDestinationFilter)
func (c *Configuration) advisories() message.Destination {
	var parts []string
	add := func(suffix string) {
		parts = append(parts, consumerAdvisories+suffix)
		if c.UseVirtualDestSubs {
			parts = append(parts, virtualAdvisories+suffix)
		}
	}
	switch {
	case strings.HasPrefix(c.DestinationFilter, consumerAdvisories):
		parts = append(parts, c.DestinationFilter)
	case c.DestinationFilter != "":
		parts = append(parts, consumerAdvisories+c.DestinationFilter)
	case len(c.DynamicallyIncludedDestinations) > 0:
		for _, r := range c.DynamicallyIncludedDestinations {
			if !r.Kind.IsTemporary() {
				add(kindNames[r.Kind] + "." + r.Name)
			}
		}
	default:
		add(">")
	}
	if c.BridgeTempDestinations {
		parts = append(parts, tempAdvisories)
	}
	return message.NewTopic(strings.Join(parts, ","))
}

var kindNames = [...]string{message.Queue: "Queue", message.Topic: "Topic", message.TempQueue: "TempQueue", message.TempTopic: "TempTopic"}
