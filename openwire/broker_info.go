package openwire

import "github.com/conclavemq/conclave/message"

// BrokerInfo introduces a broker to its client, or a bridge to a broker.
// (ActiveMQ: BrokerInfo)
type BrokerInfo struct {
	ID                         message.BrokerID
	URL                        string
	Name                       string
	UploadURL                  string
	NetworkProperties          string
	ConnectionID               int64
	Peers                      []*BrokerInfo // nil is null
	Slave                      bool
	Master                     bool
	FaultTolerantConfiguration bool
	DuplexConnection           bool
	NetworkConnection          bool
}

func (b *BrokerInfo) walk(w *wire) {
	w.command()
	w.broker(&b.ID, true)
	w.string(&b.URL)
	b.walkPeers(w)
	w.string(&b.Name)
	w.bool(&b.Slave)
	w.bool(&b.Master)
	w.bool(&b.FaultTolerantConfiguration)
	if w.since(2) {
		w.bool(&b.DuplexConnection)
		w.bool(&b.NetworkConnection)
		w.int64(&b.ConnectionID)
	}
	if w.since(3) {
		w.string(&b.UploadURL)
		w.string(&b.NetworkProperties)
	}
}

func (b *BrokerInfo) walkPeers(w *wire) {
	n, present := w.count(len(b.Peers), b.Peers != nil)
	if w.reading() && present {
		b.Peers = make([]*BrokerInfo, 0, min(n, 16))
	}
	for i := 0; i < n && w.err == nil; i++ {
		if w.reading() {
			b.Peers = append(b.Peers, nil)
		}
		nestedCommand(w, TypeBrokerInfo, &b.Peers[i], (*BrokerInfo).walk)
	}
}
