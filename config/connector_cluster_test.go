package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnectorCluster(t *testing.T) {
	const head = "broker:\n  persistenceAdapter: {kahaDB: {directory: /d}}\n  transportConnectors:\n    - uri: tcp://h:1\n"
	c, err := load(t, head+`      discoveryUri: " multicast://default "
      updateClusterClients: true
      rebalanceClusterClients: true
      updateClusterClientsOnRemove: true
      updateClusterFilter: a.*,b
      publishedAddressPolicy: {publishedHostStrategy: fqdn, clusterClientUriQuery: x=1, hostMapping: a=b, portMapping: 1=2}
`)
	require.NoError(t, err)
	require.Equal(t, ConnectorCluster{DiscoveryURI: "multicast://default", UpdateClusterClients: true, UpdateClusterClientsOnRemove: true,
		RebalanceClusterClients: true, UpdateClusterFilter: "a.*,b",
		PublishedAddressPolicy: PublishedAddressPolicy{PublishedHostStrategy: "FQDN", ClusterClientURIQuery: "x=1", HostMapping: "a=b", PortMapping: "1=2"},
	}, c.Broker.TransportConnectors[0].ConnectorCluster)
	for _, line := range []string{"rebalanceClusterClients: true", "updateClusterClientsOnRemove: true", "updateClusterFilter: a"} {
		_, err := load(t, head+"      "+line+"\n")
		require.ErrorContains(t, err, "without updateClusterClients: true")
	}
}
