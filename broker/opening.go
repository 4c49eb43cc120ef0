package broker

import "time"

// expectLocked has a queue that had no consumers wait for more of them, so that
// groups are divided among all and not given to the first. (ActiveMQ:
// consumersBeforeDispatchStarts, timeBeforeDispatchStarts)
func (q *queue) expectLocked() {
	p := &q.policy
	switch t := &q.rota; {
	case t.n > 1:
		if t.opening != nil && p.ConsumersBeforeDispatchStarts > 1 && t.n >= p.ConsumersBeforeDispatchStarts {
			t.open()
		}
	case p.ConsumersBeforeDispatchStarts > 1:
		limit := p.TimeBeforeDispatchStarts
		if limit <= 0 {
			limit = time.Second
		}
		q.openLaterLocked(limit)
	case p.ConsumersBeforeDispatchStarts <= 0 && p.TimeBeforeDispatchStarts > 0:
		q.openLaterLocked(p.TimeBeforeDispatchStarts)
	}
}

// openLaterLocked lets dispatch begin after limit, if it is still to begin
// then.
func (q *queue) openLaterLocked(limit time.Duration) {
	q.rota.open()
	var timer *time.Timer // is set before the function gets the lock
	timer = time.AfterFunc(limit, func() {
		q.mu.Lock()
		if q.rota.opening == timer {
			q.rota.open()
			q.dispatchLocked()
		}
		q.release()
	})
	q.rota.opening = timer
}

// open lets dispatch begin.
func (t *rota) open() {
	if t.opening != nil {
		t.opening.Stop()
		t.opening = nil
	}
}
