package broker

import (
	"slices"
	"time"

	"github.com/conclavemq/conclave/message"
)

// suppressed is how a client's poison acknowledgement begins when it has
// recognised a message as one that it has already given to its application.
// (ActiveMQ: ActiveMQMessageConsumer.dispatch, ActiveMQSession.run)
const suppressed = "Suppressing duplicate delivery on connection"

// A client that fails over is given again what it had not acknowledged, and
// refuses with a poison acknowledgement what it takes for messages that its
// application has had. That may mean three things:
//
//   - The application has had and acknowledged it, and the acknowledgement was
//     lost on its way to a broker that is gone: the message is consumed.
//   - The application has had it, has not acknowledged it, and must be given it
//     again (CLIENT_ACKNOWLEDGE). The Java client forgets such messages on a
//     failover, but lets its new connection deliver before it has forgotten
//     them all, and refuses what comes in between.
//   - The application has it in hand and will acknowledge it alone
//     (INDIVIDUAL_ACKNOWLEDGE), which the Java client does not allow for.
//
// So a message that is refused is delivered once more after a while, to the
// same consumer, which has forgotten by then what it had to forget. What it
// refuses again is consumed if the client acknowledges ranges, and waits for its
// own acknowledgement if it acknowledges one by one. What a rollback has given
// back, and anything in a connection with XA branches (had the branch been
// committed that it was consumed in, it would not be here), is not consumed: it
// waits until the consumer is gone. ActiveMQ makes dead letters of all of these.
type suppressions struct {
	asked []asking // are delivered once more
	sure  []*ref   // refused twice, by a client that has not acknowledged a range
	kept  []*ref   // until the consumer is gone
	timer *time.Timer

	ranges bool // the client acknowledges what it was given up to a message
}

// asking is a message that will be delivered again.
type asking struct {
	r   *ref
	due time.Time
}

// askAfter is how long a client has to forget what it was given on an earlier
// connection. It takes no more than what its threads wait for a processor.
const askAfter = time.Second

func (s *suppressions) empty() bool { return len(s.asked)+len(s.sure)+len(s.kept) == 0 }

// take removes and returns those that pick wants.
func (s *suppressions) take(pick func(*ref) bool) (refs []*ref) {
	gone := func(r *ref) bool {
		if pick(r) {
			refs = append(refs, r)
			return true
		}
		return false
	}
	s.asked = slices.DeleteFunc(s.asked, func(a asking) bool { return gone(a.r) })
	s.sure = slices.DeleteFunc(s.sure, gone)
	s.kept = slices.DeleteFunc(s.kept, gone)
	return refs
}

// carriesLocked reports whether c was given a message, and has neither consumed it
// nor given it back, that pick wants; refused ones count.
func (c *consumer) carriesLocked(pick func(*ref) bool) bool {
	wanted := func(r *ref) bool { return r != nil && pick(r) }
	s := &c.suppressed
	return slices.ContainsFunc(c.inflight.refs[c.inflight.head:], wanted) ||
		slices.ContainsFunc(s.asked, func(a asking) bool { return pick(a.r) }) ||
		slices.ContainsFunc(s.sure, pick) || slices.ContainsFunc(s.kept, pick)
}

// end stops the timer and returns all, flagged: the application may have had
// each.
func (s *suppressions) end() []*ref {
	if s.timer != nil {
		s.timer.Stop()
	}
	refs := s.take(func(*ref) bool { return true })
	suspectDeliveries(refs)
	return refs
}

// learn is told of each acknowledgement, and returns what is consumed because of
// what that says about its client.
func (s *suppressions) learn(kind message.AckType) (consumed []*ref) {
	if kind == message.StandardAck {
		s.ranges = true
		consumed, s.sure = s.sure, nil
	}
	return consumed
}

// single removes and returns the message that an individual acknowledgement
// means, or nil if it is none of these.
func (s *suppressions) single(a *message.Ack) *ref {
	if a.Type != message.IndividualAck || s.empty() {
		return nil
	}
	refs := s.take(func(r *ref) bool { return sameMessage(&r.m.ID, &a.Last) })
	if len(refs) == 0 {
		return nil
	}
	return refs[0]
}

// consumeCopies forgets what the application has had already.
func (c *consumer) consumeCopies(refs []*ref, done func(error)) {
	for _, r := range refs {
		r.home.base().stats.copies.Add(1)
	}
	c.b.consume(refs, false, c.durable, done)
}

// suppressLocked takes what a client has refused, which is in flight no more,
// and returns what is consumed with that.
func (c *consumer) suppressLocked(refs []*ref) (consumed []*ref) {
	s := &c.suppressed
	for _, r := range refs {
		switch {
		case r.stored && (c.conn.branched.Load() || r.home.wasReturned(r)):
			c.b.log.Warn("a client takes for a duplicate what a rollback has given back; it is kept for another consumer",
				"consumer", c.info.ID.String(), "message", r.m.ID.String())
			s.kept = append(s.kept, r)
		case c.forward == nil && !r.asked:
			r.asked = true
			s.asked = append(s.asked, asking{r, time.Now().Add(askAfter)})
			if s.timer == nil {
				s.timer = time.AfterFunc(askAfter, c.askAgain)
			}
		case s.ranges || c.forward != nil:
			consumed = append(consumed, r)
		default:
			s.sure = append(s.sure, r)
		}
	}
	return consumed
}

// askAgain delivers what is due, if the client may be given anything now.
func (c *consumer) askAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.suppressed
	s.timer = nil
	if c.closed {
		return
	}
	if c.b.paused.Load() || !c.b.mayServe() || c.hold.heldLocked() {
		s.timer = time.AfterFunc(askAfter, c.askAgain)
		return
	}
	now := time.Now()
	for len(s.asked) > 0 && !s.asked[0].due.After(now) {
		r := s.asked[0].r
		s.asked = slices.Delete(s.asked, 0, 1)
		r.redeliveries = max(r.redeliveries, 1)
		c.sendLocked(r, r.m, r.home.base().dest)
	}
	if len(s.asked) > 0 {
		s.timer = time.AfterFunc(s.asked[0].due.Sub(now), c.askAgain)
	}
}
