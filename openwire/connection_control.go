package openwire

// ConnectionControl tells a client about other brokers and asks it to close,
// suspend or reconnect. (ActiveMQ: ConnectionControl)
type ConnectionControl struct {
	Close            bool
	Exit             bool
	FaultTolerant    bool
	Resume           bool
	Suspend          bool
	Rebalance        bool
	ConnectedBrokers string // URIs separated by commas
	ReconnectTo      string // URI
	Token            []byte // nil is null
}

func (c *ConnectionControl) walk(w *wire) {
	w.command()
	w.bool(&c.Close)
	w.bool(&c.Exit)
	w.bool(&c.FaultTolerant)
	w.bool(&c.Resume)
	w.bool(&c.Suspend)
	if w.since(6) {
		w.text(&c.ConnectedBrokers)
		w.text(&c.ReconnectTo)
		w.bool(&c.Rebalance)
	}
	if w.since(8) {
		w.bytes(&c.Token)
	}
}
