package broker

import (
	"cmp"
	"context"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// producer is a client's producer. Its connection's lock guards it.
type producer struct {
	info    message.ProducerInfo
	audit   *audit // nil: what it sends is not audited
	checks  bool   // it may send again what was sent before
	suspect bool   // an earlier master may have delivered what it sends next; see suspected
	last    int64  // the highest sequence it has sent outside of transactions
	route   route  // where it sent to last; asked is null if it has not yet
}

// AddProducer announces a producer; a repeated announcement does nothing.
func (c *Connection) AddProducer(info *message.ProducerInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	s := c.sessions[info.ID.SessionID()]
	if s == nil {
		return failure(ErrUnknownSession, "Cannot add a producer to a session that had not been registered: %s", info.ID.SessionID())
	}
	if c.producers[info.ID] != nil {
		return nil
	}
	if len(c.producers) >= maxPerConnection {
		return failure(ErrLimit, "Can't add producer on connection %s: at maximum limit: %d", c.info.ID, maxPerConnection)
	}
	p := &producer{info: *info}
	p.info.Destination = c.b.named(info.Destination)
	if err := c.enroll(p.info.Destination); err != nil {
		return err
	}
	if c.info.FaultTolerant || c.info.FailoverReconnect {
		p.checks = c.info.FailoverReconnect
		known := false
		p.audit, known = c.b.audits.enter(info.ID, p.checks)
		p.suspect = p.checks && !known && c.b.suspicious && !c.native && !c.sends
	}
	c.producers[info.ID] = p
	s.producers[info.ID] = true
	c.b.advise.producer(&p.info)
	return nil
}

// enroll counts a producer at its destinations, or at none.
func (c *Connection) enroll(dest message.Destination) error {
	if dest.IsZero() {
		return nil
	}
	parts := dest.Parts()
	if len(parts) == 0 || len(parts) > maxParts {
		return failure(ErrInvalidDestination, "Composite destination of %d parts", len(parts))
	}
	var list []target
	for _, part := range parts {
		t, err := c.sendable(part)
		if err != nil {
			return err
		}
		list = append(list, t)
	}
	for _, t := range list {
		t.base().visits.Add(1)
		t.base().stats.producers.Add(1)
	}
	return nil
}

// RemoveProducer ends a producer.
func (c *Connection) RemoveProducer(id message.ProducerID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	if c.producers[id] == nil {
		return failure(ErrUnknownProducer, "Cannot remove a producer that had not been registered: %s", id)
	}
	c.dropProducer(id, false)
	return nil
}

// dropProducer forgets a producer. c.mu is held.
func (c *Connection) dropProducer(id message.ProducerID, lost bool) {
	p := c.producers[id]
	if p == nil {
		return
	}
	delete(c.producers, id)
	if s := c.sessions[id.SessionID()]; s != nil {
		delete(s.producers, id)
	}
	if p.audit != nil {
		c.b.audits.leave(id, lost)
	}
	if !p.info.Destination.IsZero() {
		for _, part := range p.info.Destination.Parts() {
			if t := c.b.registry.find(part); t != nil {
				t.base().stats.producers.Add(-1)
			}
		}
	}
	c.b.advise.producerGone(&p.info)
}

// Send takes a message, which is the broker's from then on. It blocks for
// flow control only, until ctx ends. done is called when the message is safe,
// or was refused; of a message for which no response is required, when it has
// been accepted.
func (c *Connection) Send(ctx context.Context, m *message.Message, responseRequired bool, done func(error)) {
	c.transmit(ctx, dispatch{c: c, m: m, required: responseRequired, done: done})
}

func (c *Connection) transmit(ctx context.Context, d dispatch) {
	m, done := d.m, d.done
	c.mu.Lock()
	err := c.send(ctx, d)
	if err != nil && !d.required && !m.Transaction.IsZero() {
		c.fail(m.Transaction, err)
	}
	c.mu.Unlock()
	if err != nil {
		done(err)
	}
}

// send returns an error, or sees to it that done is called.
func (c *Connection) send(ctx context.Context, d dispatch) error {
	if err := c.usable(); err != nil {
		return err
	}
	m := d.m
	id := m.Producer
	if id.IsZero() {
		id = m.ID.Producer
	}
	p := c.producers[id]
	if p == nil {
		return failure(ErrUnknownProducer, "Cannot send message to %s with invalid (null) producer state", m.Destination)
	}
	if m.ID.Producer.IsZero() {
		return failure(ErrMessageFormat, "Message has no id")
	}
	c.sends = c.sends || m.Transaction.IsZero()
	m.BrokerInTime = c.b.nowMS()
	if c.b.options.PopulateUserID && (m.UserID == "" || len(m.BrokerPath) == 0) {
		m.UserID = c.info.UserName
	}
	for _, hook := range c.b.hooks {
		hook(c.b, m)
	}
	d.p = p
	taken, err := d.schedule()
	if taken || err != nil {
		return err
	}
	if answered, err := c.statistics(d.m); answered {
		if err == nil {
			d.finish()(nil)
		}
		return err
	}
	if d.first == nil {
		r, err := c.resolve(p, m.Destination)
		if err != nil {
			return err
		}
		m.Destination = r.dest
		if r.alone() {
			r.first.base().intercept(m)
		}
		d.first, d.more = r.take(m)
	}
	m = d.m
	if p.checks && m.Persistent && m.ID.Producer == id && p.audit.repeated(m.ID.ProducerSequence, d.done) {
		c.b.log.Debug("suppressing duplicated message send", "message", m.ID.String())
		return nil
	}
	if m.Persistent && m.Transaction.IsZero() && m.ID.Producer == id {
		if again, err := d.reused(c.merged(ctx)); again || err != nil {
			return err
		}
	}
	p.suspected(m)
	if d.mark, err = c.b.duplicates.mark(c.merged(ctx), m); err != nil {
		return err
	}
	if !m.Transaction.IsZero() {
		return d.join()
	}
	if source := c.source.Load(); source != nil && len(m.BrokerPath) > 0 {
		leave, err := c.b.bridged.entering.enter(c.merged(ctx), m.Destination)
		if err != nil {
			return err
		}
		defer leave()
		if !d.arrives(*source) || d.returns() {
			return nil
		}
	}
	if m.Expired(m.BrokerInTime) {
		d.expire()
		return nil
	}
	if d.mark != nil && !d.once() {
		return nil
	}
	if err := d.pass(c.merged(ctx)); err != nil {
		c.b.duplicates.settle(d.mark, err)
		c.b.bridged.settle(d.arrival, err)
		c.b.bridged.settlePassing(d.arrived, err)
		return err
	}
	return nil
}

// pass waits for memory and goes on.
func (d *dispatch) pass(ctx context.Context) error {
	parked, err := d.waitForMemory(ctx)
	if parked || err != nil {
		return err
	}
	return d.accept(ctx)
}

// maxParts bounds composite destinations.
const maxParts = 1024

// dispatch is one send on its way.
type dispatch struct {
	c        *Connection
	p        *producer
	m        *message.Message
	first    target
	more     []leg // all of several, or nil: first alone
	required bool
	led      bool // its caller lets the store lead when it has been appended
	done     func(error)
	mark     *imprint  // the id that it is to be remembered by, or nil
	arrival  *arriving // of a message that another broker sends, or nil
	arrived  *digest   // the same where the message is not persistent
	size     int64     // of what the client sent, if m is not that
}

// join makes the send part of its transaction. What the store says to that is
// seen at the commit; only where producers are to be told of a full disk, they
// are told now.
func (d *dispatch) join() error {
	t, err := d.c.transaction(d.m.Transaction)
	if err != nil {
		return err
	}
	if t.restored {
		d.c.doubt(t, d.p.info.ID.SessionID())
	} else if d.c.resumed && t.awaits() {
		d.finish()(nil) // the client repeats what it had sent before the branch was prepared
		return nil
	}
	if d.m.Persistent && d.first.base().space.failNow {
		if now, err := d.admits(); now && err != nil && !d.dropStored(err) {
			return err
		}
	}
	d.m.ID.BrokerSequence = d.c.b.sequence.Add(1)
	var one [1]addition // mostly it is one, and need not be allocated
	list := d.additions(one[:0])
	for i := range list {
		list[i].mark = d.mark
	}
	if err := t.send(list, d.m.Size()); err != nil {
		return err
	}
	d.finish()(nil)
	return nil
}

// needsMemory returns the first destination that keeps the message in memory
// and has none left. What a queue stores is not kept there when memory is
// short.
func (d *dispatch) needsMemory() *place {
	if d.more == nil {
		return short(d.first, d.m)
	}
	for i := range d.more {
		if p := short(d.more[i].target, d.m); p != nil {
			return p
		}
	}
	return nil
}

func short(t target, m *message.Message) *place {
	p := t.base()
	if !p.blocks() && p.stats.blocked.Load() == 0 {
		return nil
	}
	if _, ok := t.(*queue); ok && !p.space.resident && t.stores(m) {
		return nil
	}
	return p
}

// waitForMemory blocks, or parks a send whose producer can be told later.
func (d *dispatch) waitForMemory(ctx context.Context) (parkedNow bool, err error) {
	d.dropShort()
	p := d.needsMemory()
	if p == nil {
		return false, nil
	}
	d.c.b.full(p, d.p.info.ID)
	p.tellCrowded(&d.p.info)
	switch {
	case p.space.failNow && p.blocks():
		return false, p.noSpace(d.p.info.ID, false)
	case d.parkable():
		send := d.later()
		return true, p.park(parked{
			c: d.c, id: d.p.info.ID, since: d.c.b.now(), done: send.finish(),
			run: func() {
				if err := send.accept(ctx); err != nil {
					send.finish()(err)
				}
			},
		})
	default:
		return false, d.c.b.flow.wait(ctx, p, d.p.info.ID)
	}
}

// accept gives the message its place in the order of arrival and passes it
// on.
func (d *dispatch) accept(ctx context.Context) error {
	spilledNow, err := d.waitForStore(ctx)
	if err != nil && d.dropStored(err) {
		err = nil
	}
	if !spilledNow && err == nil {
		d.enter(ctx)
	}
	return err
}

// enter is accept for a message that the store takes. If it does not after all,
// the message goes the way of those who wait for it.
func (d *dispatch) enter(ctx context.Context) {
	b, m, finish := d.c.b, d.m, d.finish()
	if m.Persistent {
		done, again := finish, d.later()
		finish = func(err error) {
			if err != nil && again.repeat(ctx, err) {
				return
			}
			done(err)
		}
	}
	m.ID.BrokerSequence = b.sequence.Add(1)
	if d.p.audit != nil && m.Persistent {
		d.p.audit.append(m.ID.ProducerSequence)
	}
	if d.more == nil && d.mark == nil && d.arrival == nil {
		if q, ok := d.first.(*queue); ok && d.led {
			q.append(m, true, true, finish)
		} else {
			d.first.send(m, d.required, finish)
		}
		return
	}
	u := newBatch(b)
	if d.arrival != nil { // first: it is known when the message can go on
		u.add(&b.bridged, b.bridged.record(d.arrival))
	}
	for i := range d.more {
		u.add(d.more[i].target, d.more[i].copy(m))
	}
	if d.more == nil {
		u.add(d.first, m)
	}
	if d.mark != nil {
		u.add(&b.duplicates, b.duplicates.record(d.mark.key))
	}
	u.commit(store.None, message.TransactionID{}, d.required, finish)
}

// repeat sends once more what the store has refused for want of space. It has
// a copy, so that the path without refusals needs no further allocation.
func (d dispatch) repeat(ctx context.Context, err error) bool {
	return d.c.spill.refused(err, spilled{ctx, d.gate(), d.m.Size(), func(err error) {
		if err != nil {
			d.finish()(err)
			return
		}
		d.enter(ctx)
	}})
}

// finish returns what is to be called with the outcome.
func (d *dispatch) finish() func(error) {
	window := !d.required && d.p.info.WindowSize > 0
	audited := d.p.audit != nil && d.m.Persistent && d.m.Transaction.IsZero()
	if !window && !audited {
		return d.done
	}
	a, sequence, done := d.p.audit, d.m.ID.ProducerSequence, d.done
	peer, id, size := d.c.peer, d.p.info.ID, int32(min(cmp.Or(d.size, d.m.Size()), 1<<31-1))
	return func(err error) {
		if audited {
			a.confirm(sequence, err)
		}
		if window {
			peer.ProducerAck(id, size)
		}
		done(err)
	}
}
