package broker

// Pause stops the dispatch from queues and durable subscriptions for good,
// before a planned end. Everything else goes on: messages are stored and
// answered, acknowledgements and commits taken in, and what topics pass on to
// subscribers that are not durable, which have no other chance to get it.
func (b *Broker) Pause() { b.paused.Store(true) }

// mayDispatch reports whether stored messages may go out now.
func (b *Broker) mayDispatch() bool { return !b.paused.Load() && b.mayServe() }

// Unacknowledged counts what consumers of queues and durable subscriptions
// were given and have not acknowledged; what waits for a commit is included.
func (b *Broker) Unacknowledged() int {
	var n int64
	for _, t := range b.registry.all() {
		if q, ok := t.(*queue); ok {
			n += q.stats.inflight.Load()
		}
	}
	for _, d := range b.durables.all() {
		d.mu.Lock()
		c := d.active
		d.mu.Unlock()
		if c == nil {
			continue
		}
		c.mu.Lock()
		n += int64(c.inflight.n)
		c.mu.Unlock()
	}
	return int(n)
}
