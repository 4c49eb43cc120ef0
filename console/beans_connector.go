package console

import (
	"context"

	"github.com/conclavemq/conclave/console/jolokia"
)

// connectorClass is ActiveMQ's ConnectorViewMBean.
var connectorClass = func() *jolokia.Class {
	c := class("ConnectorView", []jolokia.Attribute{
		of("StatisticsEnabled", boolean, "Whether it counts; it does.", func(*Connector) any { return true }),
		of("AllowLinkStealingEnabled", boolean, "Whether a new connection with a client id ends the old.", func(c *Connector) any { return c.LinkStealing }),
		of("UpdateClusterClients", boolean, "Whether clients are told of the brokers of the network.", func(c *Connector) any { return c.UpdateClients }),
		of("RebalanceClusterClients", boolean, "Whether clients are asked to move to a broker that joins.", func(c *Connector) any { return c.RebalanceClients }),
		of("UpdateClusterClientsOnRemove", boolean, "Whether clients are told of a broker that leaves.", func(c *Connector) any { return c.UpdateClientsOnRemove }),
		of("UpdateClusterFilter", text, "Which brokers clients are told of.", func(c *Connector) any { return orNull(c.UpdateFilter) }),
	})
	c.Operations = []jolokia.Operation{{
		Name: "connectionCount", Returns: integer, Description: "How many clients are connected.",
		Do: func(_ context.Context, subject any, _ []any) (any, error) {
			return subject.(*Connector).Connections, nil
		},
	}}
	return c
}()

func connectorName(v *view, c *Connector) jolokia.Name {
	return v.name.With("connector", "clientConnectors", "connectorName", jolokia.Encode(c.Name))
}
