package network

// Remembers counts what the bridges of n hold of consumers that come and go.
func (n *Network) Remembers() int {
	n.shared.mu.Lock()
	count := len(n.shared.serving) + len(n.shared.waiting)
	n.shared.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.connectors {
		c.mu.Lock()
		for _, l := range c.links {
			if b := l.bridge; b != nil {
				b.mu.Lock()
				d := &b.demands
				count += len(d.byLocal) + len(d.byRemote) + len(d.byName) + len(d.patterns)
				b.mu.Unlock()
			}
		}
		c.mu.Unlock()
	}
	return count
}

// Draining counts the durable subscriptions that give way to a shorter one.
func (n *Network) Draining() (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.connectors {
		c.mu.Lock()
		for _, l := range c.links {
			if b := l.bridge; b != nil {
				b.mu.Lock()
				for _, d := range b.demands.byLocal {
					if d.draining {
						count++
					}
				}
				b.mu.Unlock()
			}
		}
		c.mu.Unlock()
	}
	return count
}
