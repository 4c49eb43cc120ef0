package broker

import (
	"errors"

	"github.com/conclavemq/conclave/message"
)

// meantLocked returns what an acknowledgement of a range means. The client
// counts in the order in which its application had the messages, and that is
// not the order of delivery here for those that the application had before
// the client failed over: the client has told of each when it came again (see
// ref.tracked), and passes it on before all others. So where the range does
// not hold as many messages as the client says, it means either those of them
// in the range, or all of them and all others up to the last. If neither fits,
// nobody knows what it means (see outOfStep). ActiveMQ takes the range, with
// messages that no application has had.
func (c *consumer) meantLocked(a *message.Ack) ([]*ref, error) {
	d := &c.inflight
	first, last := d.head, d.index(&a.Last, 0)
	if !a.First.IsZero() {
		first = d.index(&a.First, 0)
	}
	if first < 0 || d.n == 0 {
		return nil, c.unmatched(a, "start")
	}
	if last < 0 {
		return nil, c.unmatched(a, "end")
	}
	span := free(d.refs[min(first, last+1):last+1], nil)
	if len(span) == int(a.Count) {
		return span, nil
	}
	known, all, recovered := []*ref(nil), free(d.refs[d.head:last+1], nil), false
	for i, r := range d.refs[d.head:] {
		if r == nil || !r.tracked || r.held {
			continue
		}
		recovered = true
		at := d.head + i
		if at > last {
			all = append(all, r)
		} else if at >= first {
			known = append(known, r)
		}
	}
	switch {
	case recovered && len(all) == int(a.Count):
		return all, nil
	case recovered && len(known) == int(a.Count) && d.refs[first].tracked && d.refs[last].tracked:
		return known, nil
	case first > last:
		return nil, c.unmatched(a, "end")
	case recovered || c.conn.info.FailoverReconnect:
		return nil, failure(ErrAcknowledge, "Unmatched acknowledge: consumer %s; Expected message count (%d) differs from count in dispatched-list (%d)",
			c.info.ID, a.Count, len(span))
	}
	return span, nil
}

// outOfStep refuses an acknowledgement that does not fit what c was given. Its
// transaction can only be rolled back; t is nil without one. The Java client
// comes to that when it fails over while messages that it has rolled back wait
// for their redelivery delay: it passes them on twice, first from its own list
// and then as they were delivered here. It would roll back, pass on and
// acknowledge the same for ever, or until it forgets messages that it was
// given. Connected anew it forgets what it has not passed on, and is in step
// again. It is sent away when it commits: one that rolls back by itself has
// noticed its failover late, and comes into step without that.
func (c *consumer) outOfStep(t *transaction, err error, done func(error)) {
	err = failure(errors.Join(ErrAcknowledge, ErrOutOfStep), "%v", err)
	done(err)
	if t != nil {
		t.poison(err)
	} else {
		c.conn.sendAway(err)
	}
}

// sendAway has a client that has failed over before connect again.
func (c *Connection) sendAway(err error) {
	if c.info.FailoverReconnect && c.sentAway.CompareAndSwap(false, true) {
		c.b.log.Warn("a client that has failed over is out of step with what it was given; it has to connect again",
			"connection", string(c.info.ID), "error", err)
		c.peer.Fail(err)
	}
}

// free appends to dst those of refs that belong to no transaction.
func free(refs, dst []*ref) []*ref {
	for _, r := range refs {
		if r != nil && !r.held {
			dst = append(dst, r)
		}
	}
	return dst
}

// holdLocked marks what is acknowledged as belonging to a transaction; it
// stays in flight, and in the way of further messages, until the outcome.
func (c *consumer) holdLocked(a *message.Ack) (refs []*ref, err error) {
	if a.Type == message.IndividualAck {
		i := c.inflight.index(&a.Last, 0)
		if i < 0 {
			return nil, c.unmatched(a, "end")
		}
		refs = free(c.inflight.refs[i:i+1], nil)
		c.extendLocked(1)
	} else if refs, err = c.meantLocked(a); err != nil {
		return nil, err
	}
	for _, r := range refs {
		r.held = true
		c.sawLocked(r)
	}
	return refs, nil
}

// A client that fails over sends again what it has sent in its open
// transactions, but not what it has acknowledged: that was given up with the
// broker that it has left. Its library marks such transactions for rollback,
// if it notices in time, which it does not between the last acknowledgement
// and the commit of a local transaction, nor between the end and the prepare
// of a branch. ActiveMQ then commits the sends alone, and what was consumed
// for them is consumed, and answered, again. Here such a transaction can only
// be rolled back (P6): one that was open when its client failed over, without
// acknowledgements, of a session whose consumers may have been given messages
// before which are still there. Where there are none, it is committed.

// lostLocked reports that acknowledgements of t may have been lost.
func (t *transaction) lostLocked() bool {
	if !t.restored || len(t.acks)+len(t.counts) > 0 {
		return false
	}
	return t.doubtful || !t.id.XA && len(t.sends) == 0
}

// doubt is told of each send of a restored transaction. c.mu is held.
func (c *Connection) doubt(t *transaction, by message.SessionID) {
	s := c.sessions[by]
	if s == nil || !c.mayHave(s) {
		return
	}
	t.mu.Lock()
	t.doubtful = true
	t.mu.Unlock()
}

// mayHaveConsumed is mayHave of any session. c.mu is held.
func (c *Connection) mayHaveConsumed() bool {
	for _, s := range c.sessions {
		if c.mayHave(s) {
			return true
		}
	}
	return false
}

// mayHave reports whether consumers of a session may have had messages on an
// earlier connection that are not consumed. c.mu is held.
func (c *Connection) mayHave(s *session) bool {
	for id := range s.consumers {
		if q, ok := c.consumers[id].(*consumer); ok && q.mayHave() {
			return true
		}
	}
	return false
}

func (c *consumer) mayHave() bool {
	c.mu.Lock()
	homes := c.homes
	again := c.carriesLocked(func(r *ref) bool { return r.redeliveries > 0 })
	c.mu.Unlock()
	if again {
		return true
	}
	for _, h := range homes {
		switch h := h.(type) {
		case *queue:
			if h.mayHave() {
				return true
			}
		case *feed:
			if h.mayHave() {
				return true
			}
		}
	}
	return false
}

// mayHave reports whether messages are there that were delivered before.
func (q *queue) mayHave() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats.size.Load() > 0 && (q.inherited > 0 || q.stats.inflight.Load() > 0 || q.window.redelivered())
}

func (f *feed) mayHave() bool {
	f.t.mu.Lock()
	inherited := f.t.inherited
	f.t.mu.Unlock()
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.pending.Load() > 0 && (inherited > 0 || len(f.redelivered) > 0 || f.window.redelivered())
}

// redelivered reports whether a message waits that was delivered before.
func (w *window) redelivered() bool {
	for r := w.head; r != nil; r = r.next {
		if r.redeliveries > 0 {
			return true
		}
	}
	return false
}
