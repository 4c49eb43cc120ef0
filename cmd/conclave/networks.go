package main

import (
	"fmt"
	"io"
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/network"
	"github.com/conclavemq/conclave/network/discovery"
	codec "github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/transport/openwire"
)

// bridges gives the ports of a broker what they ask of its network.
type bridges struct{ *network.Network }

// Duplex implements openwire.Bridges.
func (b bridges) Duplex(info *codec.BrokerInfo, far *openwire.Far) (openwire.Reverse, error) {
	r, err := b.Accept(info, far)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// readNetwork reads a network connector's URI; the error names the attribute.
func readNetwork(c *config.NetworkConnector, advisories bool) (*discovery.URI, error) {
	uri, err := discovery.Parse(c.URI)
	if err != nil {
		return nil, fmt.Errorf("uri: %w", err)
	}
	for _, service := range uri.Services {
		if err := client.CheckURL(service); err != nil {
			return nil, fmt.Errorf("uri: %w", err)
		}
	}
	if !advisories {
		return nil, fmt.Errorf("uri: bridges need advisorySupport: true, which tells them of consumers")
	}
	return uri, nil
}

// connect begins the bridges to other brokers.
func (b *bootstrap) connect(m *master) error {
	for i := range b.config.NetworkConnectors {
		c := &b.config.NetworkConnectors[i]
		if !c.AutoStart {
			continue
		}
		uri, err := readNetwork(c, b.config.AdvisorySupport)
		if err != nil {
			return err
		}
		m.network.Connect(uri, bridgeConfiguration(c))
		b.log.Info("Network Connector started", "connector", c.Name, "uri", c.URI)
	}
	return nil
}

func bridgeConfiguration(c *config.NetworkConnector) network.Configuration {
	return network.Configuration{
		Name: c.Name, Duplex: c.Duplex, ConsumerTTL: ttl(c.ConsumerTTL, c), MessageTTL: ttl(c.MessageTTL, c),
		DynamicOnly: c.DynamicOnly, StaticBridge: c.StaticBridge,
		ConduitSubscriptions:                c.ConduitSubscriptions,
		ConduitNetworkQueueSubscriptions:    c.ConduitNetworkQueueSubscriptions,
		SuppressDuplicateQueueSubscriptions: c.SuppressDuplicateQueueSubscriptions,
		SuppressDuplicateTopicSubscriptions: c.SuppressDuplicateTopicSubscriptions,
		DecreaseNetworkConsumerPriority:     c.DecreaseNetworkConsumerPriority,
		ConsumerPriorityBase:                c.ConsumerPriorityBase,
		BridgeTempDestinations:              c.BridgeTempDestinations,
		UseVirtualDestSubs:                  c.UseVirtualDestSubs,
		SyncDurableSubs:                     c.SyncDurableSubs,
		PrefetchSize:                        c.PrefetchSize,
		AdvisoryPrefetchSize:                c.AdvisoryPrefetchSize,
		AdvisoryAckPercentage:               c.AdvisoryAckPercentage,
		DispatchAsync:                       c.DispatchAsync,
		AlwaysSyncSend:                      c.AlwaysSyncSend,
		AdvisoryForFailedForward:            c.AdvisoryForFailedForward,
		UserName:                            c.UserName, Password: c.Password, RemoteUserName: c.RemoteUserName, RemotePassword: c.RemotePassword,
		ClientIDToken: c.ClientIDToken, DestinationFilter: c.DestinationFilter,
		ExcludedDestinations:            rules(c.ExcludedDestinations),
		DynamicallyIncludedDestinations: rules(c.DynamicallyIncludedDestinations),
		StaticallyIncludedDestinations:  rules(c.StaticallyIncludedDestinations),
		DurableDestinations:             rules(c.DurableDestinations),
	}
}

// ttl is a TTL, or networkTTL where it is not given.
func ttl(own int, c *config.NetworkConnector) int {
	if own == config.UnsetTTL {
		return c.NetworkTTL
	}
	return own
}

func rules(list []config.NetworkDestination) []network.Rule {
	var rules []network.Rule
	for i := range list {
		kind, name := list[i].Named()
		rules = append(rules, network.ParseRule(kind+"://"+name))
	}
	return rules
}

// applyBridge maps the part of a policy entry about other brokers.
func applyBridge(p *broker.Policy, e *config.BridgeEntry) {
	if c := e.NetworkBridgeFilterFactory.Conditional; c != nil {
		p.Bridge = &broker.BridgePolicy{
			ReplayWhenNoConsumers: c.ReplayWhenNoConsumers, ReplayDelay: c.ReplayDelay,
			RateLimit: c.RateLimit, RateDuration: c.RateDuration, SelectorAware: c.SelectorAware,
		}
	}
}

// printNetwork tells people of the bridges.
func printNetwork(out io.Writer, a *control.Account) {
	for i := range a.Network {
		s := &a.Network[i]
		to := s.RemoteBroker
		if to == "" {
			to = s.URI
		}
		if s.RemoteAddress != "" {
			to += " at " + s.RemoteAddress
		}
		kind := ""
		switch {
		case s.CreatedByDuplex:
			kind = ", rear end of a duplex bridge"
		case s.Duplex:
			kind = ", duplex"
		}
		fmt.Fprintf(out, "bridge    %s to %s: %s%s%s; %d subscriptions, %d messages passed on, %d taken in, %d failed\n",
			s.Connector, to, s.State, since(s.Since), kind, s.Subscriptions, s.Dequeues, s.Received, s.Failed)
		if s.LastError != "" {
			fmt.Fprintf(out, "          last error %s: %s\n", s.LastErrorAt.Format(time.RFC3339), s.LastError)
		}
	}
}
