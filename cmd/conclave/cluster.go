package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/network/discovery"
	codec "github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/transport"
	"github.com/conclavemq/conclave/transport/openwire"
)

// connector is a configured connector, read and checked.
type connector struct {
	config    *config.TransportConnector
	uri       *transport.URI
	discovery *discovery.URI // nil: it is not announced
	published transport.AddressPolicy
	cluster   openwire.Cluster
}

// readConnector reads what a connector's texts mean; the error names the
// attribute.
func readConnector(c *config.TransportConnector) (*connector, error) {
	r := &connector{config: c}
	var err error
	if r.uri, err = transport.ParseURI(c.URI); err != nil {
		return nil, fmt.Errorf("uri: %w", err)
	}
	if c.DiscoveryURI != "" {
		if r.discovery, err = discovery.Parse(c.DiscoveryURI); err == nil {
			err = discovery.CheckAdvertised(r.discovery)
		}
		if err != nil {
			return nil, fmt.Errorf("discoveryUri: %w", err)
		}
	}
	policy := &c.PublishedAddressPolicy
	r.published = transport.AddressPolicy{Strategy: policy.PublishedHostStrategy, Query: strings.TrimPrefix(policy.ClusterClientURIQuery, "?")}
	if r.published.Hosts, err = transport.ParseHosts(policy.HostMapping); err != nil {
		return nil, fmt.Errorf("publishedAddressPolicy.hostMapping: %w", err)
	}
	if r.published.Ports, err = transport.ParsePorts(policy.PortMapping); err != nil {
		return nil, fmt.Errorf("publishedAddressPolicy.portMapping: %w", err)
	}
	r.cluster = openwire.Cluster{Update: c.UpdateClusterClients, Rebalance: c.RebalanceClusterClients, OnRemove: c.UpdateClusterClientsOnRemove}
	if r.cluster.Filter, err = filters(c.UpdateClusterFilter); err != nil {
		return nil, fmt.Errorf("updateClusterFilter: %w", err)
	}
	return r, nil
}

// filters reads patterns of broker names, each of a whole name.
func filters(text string) ([]*regexp.Regexp, error) {
	var list []*regexp.Regexp
	for pattern := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		if pattern == "" {
			continue
		}
		compiled, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return nil, err
		}
		list = append(list, compiled)
	}
	return list, nil
}

// clientURIs are where this broker will listen, as far as that is known
// before the ports are open.
func clientURIs(connectors []config.TransportConnector) []string {
	var uris []string
	for i := range connectors {
		r, err := readConnector(&connectors[i])
		if err != nil || !r.config.AutoStart || r.uri.Port == 0 {
			continue
		}
		uris = append(uris, r.published.URI(r.uri, r.uri.Port))
	}
	return uris
}

// address is what clients and other brokers are told of this broker's address:
// that of the first connector that tells clients of others, else of the first.
// (ActiveMQ: BrokerService.getDefaultSocketURIString)
func (m *master) address() string {
	if at := m.known.Load(); at != nil {
		return *at
	}
	return ""
}

// publish makes the address known, of the connectors in the order of m's
// listeners.
func (m *master) publish(connectors []*connector) {
	for i, l := range m.listeners {
		if i == 0 || connectors[i].cluster.Update {
			uri := l.PublishedURI()
			m.known.Store(&uri)
			if connectors[i].cluster.Update {
				return
			}
		}
	}
}

// inform has a connector's clients told of the network's brokers.
func (m *master) inform(protocol *openwire.Protocol) {
	m.broker.WatchPeers(func(p broker.PeerBroker, here bool) {
		info := codec.BrokerInfo{ID: p.ID, Name: p.Name, URL: p.URL}
		if here {
			protocol.AddPeer(info)
		} else {
			protocol.RemovePeer(info)
		}
	})
}

// advertise announces the connectors that are to be announced. One that cannot
// be serves all the same.
func (b *bootstrap) advertise(m *master, connectors []*connector) {
	for i, c := range connectors {
		if c.discovery == nil {
			continue
		}
		a, err := discovery.Advertise(c.discovery, m.name, m.listeners[i].PublishedURI(), discovery.Options{Log: b.log})
		if err != nil {
			b.log.Error("connector is not announced", "connector", c.config.Name, "error", err)
			continue
		}
		m.advertisers = append(m.advertisers, a)
	}
}
