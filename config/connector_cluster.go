package config

import "strings"

// ConnectorCluster are the attributes of <transportConnector> about a network
// of brokers: what clients learn of the others, and how others learn of this
// one.
type ConnectorCluster struct {
	// DiscoveryURI announces the connector, such as multicast://default. The
	// URI is read by network/discovery.
	DiscoveryURI string `config:"discoveryUri"`
	// UpdateClusterClients tells failover clients the addresses of the brokers
	// that this one is bridged with; UpdateClusterClientsOnRemove also of those
	// that leave.
	UpdateClusterClients         bool `config:"updateClusterClients"`
	UpdateClusterClientsOnRemove bool `config:"updateClusterClientsOnRemove"`
	// RebalanceClusterClients has them spread over all when one joins.
	RebalanceClusterClients bool `config:"rebalanceClusterClients"`
	// UpdateClusterFilter has regular expressions, "a,b", of which one has to
	// match the name of a broker that clients are told of; "" is all.
	UpdateClusterFilter string `config:"updateClusterFilter"`

	PublishedAddressPolicy PublishedAddressPolicy `config:"publishedAddressPolicy"`
}

// PublishedAddressPolicy is the <publishedAddressPolicy> element: under which
// address clients and other brokers are told to connect.
type PublishedAddressPolicy struct {
	// ClusterClientURIQuery are options for clients, put behind the address.
	ClusterClientURIQuery string `config:"clusterClientUriQuery"`
	PublishedHostStrategy string `config:"publishedHostStrategy,enum=DEFAULT|IPADDRESS|HOSTNAME|FQDN"`
	// HostMapping and PortMapping, "from=to,from=to", are what others see of
	// this network, in front of which addresses are translated.
	HostMapping string `config:"hostMapping"`
	PortMapping string `config:"portMapping"`
}

func (c *ConnectorCluster) setDefaults() {
	c.PublishedAddressPolicy.PublishedHostStrategy = "DEFAULT"
}

func (ConnectorCluster) others() others       { return nil }
func (PublishedAddressPolicy) others() others { return nil }

func (c *ConnectorCluster) check(b *binder, path string) {
	c.DiscoveryURI = strings.TrimSpace(c.DiscoveryURI)
	switch {
	case c.UpdateClusterClients:
	case c.RebalanceClusterClients:
		b.bad(path+".rebalanceClusterClients", "has no effect without updateClusterClients: true")
	case c.UpdateClusterClientsOnRemove:
		b.bad(path+".updateClusterClientsOnRemove", "has no effect without updateClusterClients: true")
	case c.UpdateClusterFilter != "":
		b.bad(path+".updateClusterFilter", "has no effect without updateClusterClients: true")
	}
}
