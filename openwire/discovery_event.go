package openwire

// DiscoveryEvent names a broker that was found. It is no command: it has no
// header. (ActiveMQ: DiscoveryEvent)
type DiscoveryEvent struct {
	ServiceName string
	BrokerName  string
}

func (d *DiscoveryEvent) walk(w *wire) {
	w.string(&d.ServiceName)
	w.string(&d.BrokerName)
}
