package broker

// Pause stops, before a planned end and for good, the dispatch from queues and
// durable subscriptions: what consumers were given will soon be acknowledged.
// Everything else goes on: messages are stored and answered, acknowledgements
// and commits taken in, and what topics pass on to subscribers that are not
// durable, which have no other chance to get it.
func (b *Broker) Pause() { b.paused.Store(true) }

// Trickle gives one message more, in a pause, to each consumer that has
// something of a transaction or a batch: its application may wait for the next
// before it commits or acknowledges. One at a time leaves nothing with the
// client that its application has not had.
func (b *Broker) Trickle() {
	var hungry []*consumer
	b.eachConsumer(func(c *consumer) {
		if !c.conn.batches.Load() {
			return
		}
		c.mu.Lock()
		if !c.closed && (c.conn.open.Load() > 0 || c.unclaimedLocked() > 0) {
			c.allowance = 1
			hungry = append(hungry, c)
		}
		c.mu.Unlock()
	})
	for _, c := range hungry {
		c.kick()
	}
}

// Unacknowledged counts what consumers of queues and durable subscriptions
// were given and have not acknowledged: single is of those that acknowledge
// each message by itself, batches of those that use transactions or
// acknowledge several at once.
func (b *Broker) Unacknowledged() (single, batches int) {
	b.eachConsumer(func(c *consumer) {
		c.mu.Lock()
		n := c.inflight.n
		c.mu.Unlock()
		if c.conn.batches.Load() {
			batches += n
		} else {
			single += n
		}
	})
	return single, batches
}

// eachConsumer calls f for those consumers of queues that were given
// something, and of durable subscriptions; under the lock of each.
func (b *Broker) eachConsumer(f func(*consumer)) {
	for _, t := range b.registry.all() {
		if q, ok := t.(*queue); ok && q.stats.inflight.Load() > 0 {
			q.mu.Lock()
			for c := range q.rota.each {
				f(c)
			}
			q.mu.Unlock()
		}
	}
	for _, d := range b.durables.all() {
		d.mu.Lock()
		if d.active != nil {
			f(d.active)
		}
		d.mu.Unlock()
	}
}

// Retire ends the deliveries of a connection in a pause, if its consumers were
// given no more than n messages that are not acknowledged or claimed by a
// transaction, and reports whether it did.
func (c *Connection) Retire(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retired.Store(true) // who has asked for credit before holds the consumer's lock
	unclaimed := 0
	for _, s := range c.consumers {
		if k, ok := s.(*consumer); ok {
			k.mu.Lock()
			unclaimed += k.unclaimedLocked()
			k.mu.Unlock()
		}
	}
	if unclaimed > n {
		c.retired.Store(false)
		return false
	}
	return true
}

// unclaimedLocked counts what c was given and no transaction has acknowledged.
func (c *consumer) unclaimedLocked() (n int) {
	for _, r := range c.inflight.refs[c.inflight.head:] {
		if r != nil && !r.held {
			n++
		}
	}
	return n
}
