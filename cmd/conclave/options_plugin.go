package main

import (
	"strings"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// pluginOptions maps what the configuration says about what looks at messages
// on their way, or changes them.
func pluginOptions(c *config.Broker) broker.PluginOptions {
	p := &c.Plugins
	o := broker.PluginOptions{AnonymousProducerAdvisories: c.AnonymousProducerAdvisorySupport}
	if s := p.TimeStamping; s != nil {
		o.TimeStamping = &broker.TimeStamping{
			ZeroExpirationOverride: s.ZeroExpirationOverride, TTLCeiling: s.TTLCeiling,
			FutureOnly: s.FutureOnly, ProcessNetworkMessages: s.ProcessNetworkMessages,
		}
	}
	if f := p.ForcePersistencyMode; f != nil {
		o.ForcePersistence = new(f.PersistenceFlag)
	}
	if t := p.TraceBrokerPath; t != nil {
		o.BrokerPath = t.StampProperty
	}
	if p.Statistics != nil {
		o.Statistics = &broker.Statistics{Connectors: connectorsByProtocol(c.TransportConnectors), DataDirectory: c.StoreDirectory()}
	}
	if d := p.DiscardingDLQ; d != nil {
		only, _ := d.Expressions() // checked with the configuration
		o.DiscardDeadLetters = &broker.DeadLetterDiscard{
			All: d.DropAll, TemporaryTopics: d.DropTemporaryTopics, TemporaryQueues: d.DropTemporaryQueues,
			Only: only, ReportInterval: int64(d.ReportInterval),
		}
	}
	if l := p.Logging; l != nil {
		o.Logging = &broker.EventLogging{
			Connections: l.LogAll || l.LogConnectionEvents, Sessions: l.LogAll || l.LogSessionEvents,
			Transactions: l.LogAll || l.LogTransactionEvents, Consumers: l.LogAll || l.LogConsumerEvents,
			Producers: l.LogAll || l.LogProducerEvents, Internal: l.LogAll || l.LogInternalEvents,
			PerDestination: l.PerDestinationLogger,
		}
	}
	if s := p.SelectorCache; s != nil {
		o.SelectorCache = &broker.SelectorCache{Single: s.SingleSelectorPerDestination, IgnoreWildcards: s.IgnoreWildcardSelectors}
	}
	return o
}

// connectorsByProtocol are the first URIs of those that statistics name.
func connectorsByProtocol(connectors []config.TransportConnector) map[string]string {
	m := map[string]string{}
	for _, c := range connectors {
		scheme, _, _ := strings.Cut(c.URI, ":")
		if scheme == "tcp" {
			scheme = "openwire"
		}
		if m[scheme] == "" {
			m[scheme] = c.URI
		}
	}
	return m
}
