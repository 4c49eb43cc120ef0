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
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.connectors {
		c.mu.Lock()
		for _, l := range c.links {
			if b := l.bridge; b != nil {
				b.mu.Lock()
				for _, d := range b.demands.byLocal {
					f(d)
				}
				b.mu.Unlock()
			}
		}
		c.mu.Unlock()
	}
}
