package openwire

import "github.com/conclavemq/conclave/message"

// connectionInfo walks data type 3. (ActiveMQ: ConnectionInfoMarshaller)
func (w *wire) connectionInfo(c *message.ConnectionInfo) {
	w.command()
	w.connection(&c.ID, true)
	w.string(&c.ClientID)
	w.string(&c.Password)
	w.string(&c.UserName)
	w.brokers(&c.BrokerPath)
	w.bool(&c.BrokerMasterConnector)
	w.bool(&c.Manageable)
	if w.since(2) {
		w.bool(&c.ClientMaster)
	}
	if w.since(6) {
		w.bool(&c.FaultTolerant)
		w.bool(&c.FailoverReconnect)
	}
	if w.since(8) {
		w.string(&c.ClientIP)
	}
}
