package broker

import (
	"sync"

	"github.com/conclavemq/conclave/message"
)

// peers remembers the names of the brokers that this one is connected with.
// Their ids are others after each start, and a message keeps the old ones.
type peers struct {
	mu    sync.RWMutex
	names map[message.BrokerID]string // mu
	order []message.BrokerID          // mu; oldest first
}

// maxPeerNames bounds what is remembered.
const maxPeerNames = 4096

// KnowPeer notes the name of another broker.
func (b *Broker) KnowPeer(id message.BrokerID, name string) {
	p := &b.peers
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.names[id]; known || id == "" || name == "" {
		return
	}
	if p.names == nil {
		p.names = map[message.BrokerID]string{}
	}
	p.names[id] = name
	p.order = append(p.order, id)
	if len(p.order) > maxPeerNames {
		delete(p.names, p.order[0])
		p.order = p.order[1:]
	}
}

// name is a broker's name, "" if it is not known.
func (p *peers) name(id message.BrokerID) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.names[id]
}

// same reports whether two ids are known to be of one broker.
func (p *peers) same(a, b message.BrokerID) bool {
	if a == b {
		return true
	}
	name := p.name(a)
	return name != "" && name == p.name(b)
}
