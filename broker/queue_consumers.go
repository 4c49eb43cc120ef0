package broker

import "slices"

// attach adds a consumer or a browser.
func (q *queue) attach(s subscription) error {
	if br, ok := s.(*browser); ok {
		return br.browse(q)
	}
	c, ok := s.(*consumer)
	if !ok {
		return failure(ErrInvalidDestination, "%s is a queue", q.dest)
	}
	if err := q.mayConsume(c.conn); err != nil {
		return err
	}
	if q.dest.IsPattern() && q.b.routing.consumes(q.dest) && !slices.Contains(c.info.Destination.Parts(), q.dest) {
		return nil // a wider pattern has a queue of its own; see routing.consumes
	}
	if !c.join(q) {
		return nil
	}
	q.mu.Lock()
	if q.removed {
		q.mu.Unlock()
		return &MissingDestination{q.dest}
	}
	q.rota.add(c, &q.policy)
	q.seekLocked(c)
	q.reconsiderLocked(c)
	q.stats.consumers.Add(1)
	q.expectLocked()
	q.dispatchLocked()
	q.release()
	return nil
}

// mayConsume refuses consumers of a temporary destination that belongs to
// another connection.
func (p *place) mayConsume(c *Connection) error {
	if p.owner != "" && p.owner != c.info.ID && !c.bridges && !p.policy.AllowTempDestinationStealing {
		kind := "queue"
		if p.dest.Kind.IsTopic() {
			kind = "topic"
		}
		return failure(ErrInvalidDestination, "Subscribing to a temporary %s created by another connection is not permitted", kind)
	}
	return nil
}

func (q *queue) detach(c *consumer, refs []*ref) {
	q.mu.Lock()
	if q.rota.remove(c, &q.policy) {
		q.stats.consumers.Add(-1)
		if q.rota.n == 0 {
			q.rota.open()
		}
		if q.seek != nil {
			q.seek.leave(c)
		}
		q.reconsiderLocked(c)
	}
	for _, r := range refs {
		q.returnLocked(r)
	}
	q.dispatchLocked()
	q.release()
}

func (q *queue) takeBack(r *ref) {
	if r.stored {
		q.returned.add(r.key.seq)
	}
	q.mu.Lock()
	q.returnLocked(r)
	q.dispatchLocked()
	q.release()
}

// returnLocked puts a message that was in flight back into its place.
func (q *queue) returnLocked(r *ref) {
	q.handedOver(r, isBack)
	r.reset()
	q.stats.inflight.Add(-1)
	if q.removed {
		q.usage.release(r.size())
		return
	}
	q.window.insertFront(r)
}

func (q *queue) inUse() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rota.n > 0
}

// dispose forgets what the queue held in memory; what is in the store is the
// caller's.
func (q *queue) dispose() {
	q.mu.Lock()
	q.removed = true
	var consumers []*consumer
	for c := range q.rota.each {
		consumers = append(consumers, c)
	}
	q.rota.open()
	q.rota = rota{}
	q.stats.consumers.Store(0)
	for r := q.window.head; r != nil; r = q.window.head {
		q.leaveLocked(r)
	}
	q.window.closeOverflow(q.b)
	q.window, q.seek = window{}, nil
	if q.policy.PrioritizedMessages {
		q.window.prioritize()
	}
	q.mu.Unlock()
	for _, c := range consumers {
		for _, r := range c.leave(q) {
			q.takeBack(r)
		}
	}
}

// answerLocked tells the consumers that wait to hear it that there is nothing.
// A pull that has come since the last dispatch is served first.
func (q *queue) answerLocked() {
	quiet := func() bool { return !q.exposing && !q.window.paging && !q.mayPageLocked() }
	var list []*consumer
	for c := range q.rota.each {
		if quiet() && c.awaiting() {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return
	}
	if q.window.head != nil && q.b.mayServe() {
		q.offerLocked()
	}
	for _, c := range list {
		if quiet() {
			c.answerEmpty()
		}
	}
}
