package broker

import (
	"slices"
	"sync"

	"github.com/conclavemq/conclave/message"
)

// PeerBroker is another broker of the network, at the far end of a bridge.
type PeerBroker struct {
	ID   message.BrokerID // of its process
	Name string           // brokerName
	URL  string           // for clients, "" if it has not said
	Info any              // its command, *openwire.BrokerInfo, which advisories carry
}

// maxPeers bounds the brokers that are known at a time.
const maxPeers = 10_000

// bridges are the brokers that this one has bridges with, in either direction.
// (ActiveMQ: RegionBroker.brokerInfos, AdvisoryBroker.networkBridges)
type bridges struct {
	// order is held while somebody is told, so that all learn of changes in one
	// order. It is taken before any other lock of the broker.
	order sync.Mutex
	watch []func(p PeerBroker, here bool) // order

	mu    sync.Mutex // a leaf
	peers []linked   // mu; in the order in which they came
}

// linked is a peer and how many bridges there are.
type linked struct {
	PeerBroker
	bridges       int
	createdByPeer bool   // of the first bridge
	remoteIP      string // of the first bridge
}

// BridgeStarted takes note of a bridge that works, made by this broker or, as
// the rear end of a duplex connection, by the other. remoteIP is the other's
// address, as in an advisory. It is called under no lock. (ActiveMQ:
// networkBridgeStarted and addBroker)
func (b *Broker) BridgeStarted(p PeerBroker, createdByDuplex bool, remoteIP string) {
	b.bridges.order.Lock()
	defer b.bridges.order.Unlock()
	first, known := b.bridges.add(linked{PeerBroker: p, bridges: 1, createdByPeer: createdByDuplex, remoteIP: remoteIP})
	if !known {
		b.log.Warn("too many brokers in the network; clients are not told of this one", "broker", p.Name, "bound", maxPeers)
	}
	b.advise.bridge(p, bridgeProperties(createdByDuplex, remoteIP))
	if first {
		b.tellWatchers(p, true)
	}
}

// BridgeStopped ends what BridgeStarted began. (ActiveMQ: removeBroker and
// networkBridgeStopped)
func (b *Broker) BridgeStopped(p PeerBroker) {
	b.bridges.order.Lock()
	defer b.bridges.order.Unlock()
	known, last := b.bridges.remove(p.ID)
	if !known || b.stopping.Load() || b.paused.Load() {
		return // a broker that stops ends its bridges itself, before its clients go
	}
	b.advise.bridge(p, message.Properties{{Name: "started", Value: false}})
	if last {
		b.tellWatchers(p, false)
	}
}

// WatchPeers calls f for each broker that is bridged to this one, now and from
// now on, and with here false when its last bridge has ended. f must not block
// nor begin or end a bridge.
func (b *Broker) WatchPeers(f func(p PeerBroker, here bool)) {
	b.bridges.order.Lock()
	defer b.bridges.order.Unlock()
	b.bridges.watch = append(b.bridges.watch, f)
	for _, p := range b.PeerBrokers() {
		f(p, true)
	}
}

// PeerBrokers are the brokers that this one is bridged with.
func (b *Broker) PeerBrokers() []PeerBroker {
	b.bridges.mu.Lock()
	defer b.bridges.mu.Unlock()
	peers := make([]PeerBroker, len(b.bridges.peers))
	for i := range b.bridges.peers {
		peers[i] = b.bridges.peers[i].PeerBroker
	}
	return peers
}

func (b *Broker) tellWatchers(p PeerBroker, here bool) {
	for _, f := range b.bridges.watch {
		f(p, here)
	}
}

func (s *bridges) add(l linked) (first, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.peers {
		if s.peers[i].ID == l.ID {
			s.peers[i].bridges++
			return false, true
		}
	}
	if len(s.peers) >= maxPeers {
		return false, false
	}
	s.peers = append(s.peers, l)
	return true, true
}

func (s *bridges) remove(id message.BrokerID) (known, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.peers {
		if s.peers[i].ID != id {
			continue
		}
		if s.peers[i].bridges--; s.peers[i].bridges == 0 {
			s.peers = slices.Delete(s.peers, i, i+1)
			return true, true
		}
		return true, false
	}
	return false, false
}

// some reports whether there are any.
func (s *bridges) some() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.peers) > 0
}

// all is a copy of what there is.
func (s *bridges) all() []linked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.peers)
}

func bridgeProperties(createdByDuplex bool, remoteIP string) message.Properties {
	return message.Properties{
		{Name: "started", Value: true},
		{Name: "createdByDuplex", Value: createdByDuplex},
		{Name: "remoteIp", Value: remoteIP},
	}
}

// bridge tells of one that started or stopped.
func (a *advisories) bridge(p PeerBroker, properties message.Properties) {
	if !a.b.options.DisableAdvisories {
		a.tell(advisoryNetworkBridge, func() (any, message.Properties) { return p.Info, properties })
	}
}

// ForwardFailed tells of a message that a bridge could not pass on. (ActiveMQ:
// advisoryForFailedForward)
func (b *Broker) ForwardFailed(m *message.Message, cause error) {
	if b.options.DisableAdvisories {
		return
	}
	b.advise.tell(advisoryForwardFailure, func() (any, message.Properties) {
		return m, message.Properties{{Name: "cause", Value: cause.Error()}}
	})
}
