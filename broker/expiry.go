package broker

// sweep gets rid of expired messages that wait in memory. What is only in the
// store is looked at when it is paged in. (ActiveMQ: expireMessagesPeriod)
func (b *Broker) sweep() {
	if !b.mayServe() {
		return
	}
	for _, t := range b.registry.all() {
		if q, ok := t.(*queue); ok && q.policy.ExpireMessages {
			q.sweep()
		}
	}
	b.durables.sweepAll()
}

func (q *queue) sweep() {
	now := q.b.nowMS()
	q.mu.Lock()
	var next *ref
	for r := q.window.head; r != nil; r = next {
		next = r.next
		if r.m.Expired(now) {
			q.window.remove(r)
			q.doomed = append(q.doomed, r)
		}
	}
	q.pageLocked()
	q.release()
}
