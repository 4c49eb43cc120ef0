package network

import "github.com/conclavemq/conclave/network/discovery"

// Remembers counts what the bridges of n hold of consumers that come and go.
func (n *Network) Remembers() int {
	n.shared.mu.Lock()
	count := len(n.shared.serving) + len(n.shared.waiting)
	n.shared.mu.Unlock()
	n.bridges(func(b *bridge) {
		d := &b.demands
		count += len(d.byLocal) + len(d.byRemote) + len(d.byName) + len(d.patterns)
	})
	return count
}

// Draining counts the durable subscriptions that give way to a shorter one.
func (n *Network) Draining() (count int) {
	n.each(func(d *demand) {
		if d.draining {
			count++
		}
	})
	return count
}

// Subscribers counts the durable subscribers that are served.
func (n *Network) Subscribers() (count int) {
	n.each(func(d *demand) { count += len(d.subscribers) })
	return count
}

func (n *Network) each(f func(*demand)) {
	n.bridges(func(b *bridge) {
		for _, d := range b.demands.byLocal {
			f(d)
		}
	})
}

// bridges calls f for each bridge, under its lock.
func (n *Network) bridges(f func(*bridge)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.connectors {
		c.mu.Lock()
		for _, l := range c.links {
			if b := l.bridge; b != nil {
				b.mu.Lock()
				f(b)
				b.mu.Unlock()
			}
		}
		c.mu.Unlock()
	}
}

// Idle is a connector that finds nothing by itself: the caller is its agent.
func (n *Network) Idle(uri *discovery.URI) *Connector {
	c := &Connector{net: n, uri: uri, config: DefaultConfiguration(), links: map[string]*link{}, log: n.log, agent: deaf{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.connectors = append(n.connectors, c)
	return c
}

// Links is how many services the connector knows.
func (c *Connector) Links() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.links)
}

// deaf is an agent that does nothing.
type deaf struct{}

func (deaf) Start(discovery.Listener) {}
func (deaf) Failed(discovery.Service) {}
func (deaf) Close()                   {}
