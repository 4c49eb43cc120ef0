package broker

import (
	"strings"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// acknowledge carries out one acknowledgement; t is its transaction, or nil.
// (ActiveMQ: PrefetchSubscription.acknowledge)
func (c *consumer) acknowledge(t *transaction, a *message.Ack, sync bool, done func(error)) {
	c.pace.moved()
	c.mu.Lock()
	if copies := c.suppressed.learn(a.Type); len(copies) > 0 {
		c.mu.Unlock()
		c.consumeCopies(copies, func(error) {})
		c.mu.Lock()
	}
	if c.delivered == 0 {
		c.mu.Unlock()
		if t != nil {
			// Its commit must not be confirmed without it.
			c.outOfStep(t, c.unmatched(a, "start"), done)
			return
		}
		// A client that has failed over acknowledges what an earlier broker
		// gave it. The message is here still and will be delivered again.
		c.b.log.Warn("ignoring ack received before dispatch; result of failover with an outstanding ack",
			"consumer", c.info.ID.String(), "message", a.Last.String())
		done(nil)
		return
	}
	switch a.Type {
	case message.StandardAck, message.IndividualAck:
		c.consumeLocked(t, a, sync, done)
	case message.DeliveredAck:
		err := c.deliveredLocked(a)
		c.mu.Unlock()
		if err == nil {
			c.kick()
		}
		done(err)
	case message.RedeliveredAck:
		err := c.redeliveredLocked(a)
		c.mu.Unlock()
		done(err)
	case message.PoisonAck, message.ExpiredAck:
		c.rejectLocked(t, a, done)
	case message.UnmatchedAck:
		c.mu.Unlock()
		done(nil)
	default:
		c.mu.Unlock()
		done(failure(ErrAcknowledge, "Invalid acknowledgment type %d", a.Type))
	}
}

// spanLocked finds the positions that an acknowledgement covers, both
// included. A null First means the oldest.
func (c *consumer) spanLocked(a *message.Ack) (from, to, count int, err error) {
	d := &c.inflight
	from = d.head
	if a.Type == message.IndividualAck {
		from = d.index(&a.Last, 0)
	} else if !a.First.IsZero() {
		from = d.index(&a.First, 0)
	}
	if from < 0 || d.n == 0 {
		return 0, 0, 0, c.unmatched(a, "start")
	}
	to = d.index(&a.Last, from)
	if to < 0 {
		return 0, 0, 0, c.unmatched(a, "end")
	}
	for _, r := range d.refs[from : to+1] {
		if r != nil {
			count++
		}
	}
	return from, to, count, nil
}

func (c *consumer) unmatched(a *message.Ack, end string) error {
	id := a.Last
	if end == "start" && !a.First.IsZero() {
		id = a.First
	}
	return failure(ErrAcknowledge, "Unmatched acknowledge: consumer %s, type %d, count %d; Could not find Message-ID %s in dispatched-list (%s of ack)",
		c.info.ID, a.Type, a.Count, id, end)
}

// consumeLocked takes a standard or individual acknowledgement, and unlocks.
func (c *consumer) consumeLocked(t *transaction, a *message.Ack, sync bool, done func(error)) {
	if t != nil {
		refs, err := c.holdLocked(a)
		c.mu.Unlock()
		if err != nil {
			c.outOfStep(t, err, done)
			return
		}
		done(t.acknowledge(c, refs, a.Type == message.IndividualAck))
		if a.Type == message.IndividualAck {
			c.kick()
		}
		return
	}
	if r := c.suppressed.single(a); r != nil {
		c.mu.Unlock()
		c.b.consumeOne(r, sync, c.durable, done)
		return
	}
	from, to, count, err := c.spanLocked(a)
	if err == nil && a.Type == message.StandardAck && int(a.Count) != count {
		err = failure(ErrAcknowledge, "Unmatched acknowledge: consumer %s; Expected message count (%d) differs from count in dispatched-list (%d)",
			c.info.ID, a.Count, count)
	}
	if err != nil {
		c.mu.Unlock()
		done(err)
		return
	}
	c.sawLocked(c.inflight.refs[to])
	if count == 1 {
		r := c.inflight.refs[to]
		if r.held {
			c.mu.Unlock()
			done(c.unmatched(a, "end"))
			return
		}
		c.inflight.removeAt(to)
		c.extendLocked(-1)
		c.mu.Unlock()
		c.b.consumeOne(r, sync, c.durable, done)
	} else {
		refs := c.takeLocked(from, to)
		c.mu.Unlock()
		c.b.consume(refs, sync, c.durable, done)
	}
	c.kick()
}

// takeLocked takes a range out of what is in flight, except what belongs to a
// transaction.
func (c *consumer) takeLocked(from, to int) []*ref {
	refs := make([]*ref, 0, to-from+1)
	for _, r := range c.inflight.refs[from : to+1] {
		if r != nil && !r.held {
			refs = append(refs, r)
		}
	}
	if len(refs) == to-from+1 && from == c.inflight.head && to+1 == len(c.inflight.refs) {
		c.inflight = deque{refs: c.inflight.refs[:0]}
		clear(c.inflight.refs[:to+1])
	} else {
		for i := to; i >= from; i-- {
			if r := c.inflight.refs[i]; r != nil && !r.held {
				c.inflight.refs[i] = nil
				c.inflight.n--
			}
		}
		c.inflight.tidy()
	}
	c.extendLocked(-len(refs))
	return refs
}

// extendLocked moves the prefetch window by n. (ActiveMQ:
// expandPrefetchExtension, contractPrefetchExtension)
func (c *consumer) extendLocked(n int) {
	if c.extend && c.prefetch != 0 {
		c.extension = min(max(c.extension+n, 0), c.inflight.n)
	}
}

// deliveredLocked makes room for as many messages as the client has given to
// the application.
func (c *consumer) deliveredLocked(a *message.Ack) error {
	i := c.inflight.index(&a.Last, 0)
	if i < 0 {
		return failure(ErrAcknowledge, "Could not correlate acknowledgment with dispatched message: consumer %s, message %s", c.info.ID, a.Last)
	}
	c.sawLocked(c.inflight.refs[i])
	if a.Count == 1 && a.First.IsZero() {
		c.inflight.refs[i].tracked = true
	}
	c.extendLocked(min(max(int(a.Count), 0), c.inflight.n))
	return nil
}

// redeliveredLocked counts a rollback after which the client itself delivers
// the messages again.
func (c *consumer) redeliveredLocked(a *message.Ack) error {
	refs, err := c.meantLocked(a)
	for _, r := range refs {
		r.redeliveries++
		r.raised = true
	}
	c.b.recount(refs)
	return err
}

// rejectLocked takes a poison or expired acknowledgement, and unlocks. What
// is poison to the client because its application has had it already is no
// dead letter; see suppressions.
func (c *consumer) rejectLocked(t *transaction, a *message.Ack, done func(error)) {
	if t != nil && a.Type == message.PoisonAck {
		c.mu.Unlock()
		done(failure(ErrAcknowledge, "Poison ack cannot be transacted: consumer %s, message %s", c.info.ID, a.Last))
		return
	}
	refs, err := c.meantLocked(a)
	if err != nil {
		c.mu.Unlock()
		if a.Count > 1 {
			c.outOfStep(nil, err, done)
		} else {
			done(err) // of an earlier connection, perhaps
		}
		return
	}
	suppresses := a.Type == message.PoisonAck && a.PoisonCause != nil && strings.HasPrefix(a.PoisonCause.Message, suppressed)
	for _, r := range refs {
		c.inflight.remove(r)
	}
	c.extendLocked(-len(refs))
	if suppresses {
		refs = c.suppressLocked(refs)
	}
	c.mu.Unlock()
	switch {
	case a.Type == message.ExpiredAck:
		c.b.expireAll(refs, c.durable, done)
	case suppresses:
		c.b.log.Debug("client suppressed a duplicate delivery", "consumer", c.info.ID.String(), "message", a.Last.String())
		c.consumeCopies(refs, done)
	default:
		c.b.bury(refs, causeOf(a.PoisonCause), c.durable, done)
	}
	c.kick()
}

// causeOf renders an exception as Java's Throwable.toString does.
func causeOf(t *message.Throwable) string {
	switch {
	case t == nil:
		return ""
	case t.Message == "":
		return t.Class
	}
	return t.Class + ": " + t.Message
}

// consumeOne forgets one message for good.
func (b *Broker) consumeOne(r *ref, sync bool, d *durable, done func(error)) {
	defer passedOn(r)
	if b.bridged.used.Load() {
		u := newBatch(b)
		if u.parts(r); len(u.ops) > 0 {
			u.remove(r, d)
			u.commit(store.None, message.TransactionID{}, true, done)
			return
		}
	}
	r.home.settle(r)
	if !r.stored {
		done(b.owned())
		return
	}
	if owed, ok := r.home.withdraw(r); ok {
		b.withdrawn(owed, done)
		return
	}
	b.remove(store.Single(r.home.removal(r), sync, nil), 1, d, done)
}

// withdrawn answers the producer whose write was taken back because the
// message was consumed before.
func (b *Broker) withdrawn(owed, done func(error)) {
	err := b.owned()
	if owed != nil {
		owed(err)
	}
	b.ended()
	done(err)
}

// consume forgets messages for good, in one unit. sync says that done waits
// for stable storage; without it done is called at once.
func (b *Broker) consume(refs []*ref, sync bool, d *durable, done func(error)) {
	defer func() {
		for _, r := range refs {
			passedOn(r)
		}
	}()
	if b.bridged.used.Load() {
		p := newBatch(b)
		for _, r := range refs {
			p.parts(r)
		}
		if len(p.ops) > 0 {
			for _, r := range refs {
				p.remove(r, d)
			}
			p.commit(store.None, message.TransactionID{}, true, done)
			return
		}
	}
	u := &store.Unit{Sync: sync}
	for _, r := range refs {
		r.home.settle(r)
		if !r.stored {
			continue
		}
		if owed, ok := r.home.withdraw(r); ok {
			b.withdrawn(owed, func(error) {})
			continue
		}
		u.Ops = append(u.Ops, r.home.removal(r))
	}
	if len(u.Ops) == 0 {
		done(b.owned())
		return
	}
	b.remove(u, len(u.Ops), d, done)
}

// remove appends a unit of n removals. A durable subscription has to know
// when they have happened.
func (b *Broker) remove(u *store.Unit, n int, d *durable, done func(error)) {
	if d != nil {
		d.unsettled.Add(int64(n))
	}
	if !u.Sync && d == nil {
		b.store.Append(u)
		done(nil)
		return
	}
	b.began()
	u.Done = func(err error) {
		defer b.ended()
		if d != nil && d.unsettled.Add(-int64(n)) == 0 {
			d.settled()
		}
		if u.Sync {
			done(err)
		}
	}
	b.store.Append(u)
	if !u.Sync {
		done(nil)
	}
}
