package broker

import (
	"strconv"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// Properties that a dead letter gets. (ActiveMQ: RegionBroker)
const (
	propertyCause        = "dlqDeliveryFailureCause"
	propertyExpiration   = "originalExpiration"
	propertyDeliveryMode = "originalDeliveryMode"
)

// deadLetter returns m, which durable subscription d or, where it is nil,
// anybody else could not take, as it goes to a dead letter destination, or nil
// if it goes to none. What has failed in its own dead letter destination goes
// to none. (ActiveMQ: RegionBroker.sendToDeadLetterQueue)
func (p *place) deadLetter(m *message.Message, cause string, expired bool, d *durable) *message.Message {
	s := &p.policy.DeadLetter
	to := s.of(d)
	switch {
	case to.IsZero(), to == m.Destination, to == p.dest, p.dest.IsAdvisory():
		return nil
	case !s.ProcessExpired && (expired || m.Expired(p.b.nowMS())), !m.Persistent && !s.ProcessNonPersistent:
		return nil
	case p.b.options.DiscardDeadLetters.drops(p.b, m.Destination):
		return nil
	}
	l := m.Copy()
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		p.b.log.Warn("dead letter has damaged properties", "destination", p.dest.String(), "message", m.ID.String(), "error", err)
	} else {
		l.Properties = p.deathProperties(properties, m, cause)
	}
	l.Expiration = 0
	if s.Expiration > 0 {
		l.Expiration = p.b.nowMS() + s.Expiration.Milliseconds()
	}
	l.Persistent = true
	p.b.readdress(l, to)
	return l
}

// readdress makes m, which is a copy, one for another destination. (ActiveMQ:
// BrokerSupport.doResend)
func (b *Broker) readdress(m *message.Message, to message.Destination) {
	m.OriginalDestination, m.Destination = m.Destination, to
	m.OriginalTransaction, m.Transaction = m.Transaction, message.TransactionID{}
	m.RedeliveryCounter = 0
	m.TargetConsumer = message.ConsumerID{}
	m.ID.BrokerSequence = b.sequence.Add(1)
}

func (p *place) deathProperties(properties message.Properties, m *message.Message, cause string) []byte {
	if _, ok := properties.Get(propertyExpiration); !ok && p.policy.DeadLetter.Expiration <= 0 {
		properties = properties.Set(propertyExpiration, m.Expiration)
	}
	if !m.Persistent {
		properties = properties.Set(propertyDeliveryMode, "NON_PERSISTENT")
	}
	if cause != "" {
		properties = properties.Set(propertyCause, cause)
	}
	encoded, err := message.AppendProperties(nil, properties)
	if err != nil {
		p.b.log.Warn("dead letter keeps its properties without the cause", "destination", p.dest.String(), "message", m.ID.String(), "error", err)
		return m.Properties
	}
	return encoded
}

// addLetter lets a unit carry m, which is at p, to its dead letter
// destination, if it has one.
func (u *batch) addLetter(p *place, m *message.Message, cause string, expired bool, d *durable) {
	letter := p.deadLetter(m, cause, expired, d)
	if letter == nil {
		return
	}
	x := burial{key: m.ID.Key(), from: p.dest, to: letter.Destination}
	audited := p.policy.DeadLetter.Audit && p.dest.Kind.IsTopic()
	if audited && !u.b.burials.enter(x) {
		return
	}
	if err := u.addRouted(letter); err != nil {
		u.b.log.Error("cannot create the dead letter destination", "destination", letter.Destination.String(), "error", err)
		return
	}
	if t := u.b.registry.find(letter.Destination); t != nil {
		t.base().graves.Store(true)
	}
	u.then(func(err error) {
		switch {
		case err == nil:
			p.stats.deadLettered.Add(1)
			u.b.advise.deadLettered(p, m)
		case audited:
			u.b.burials.leave(x)
		}
	})
}

// bury moves messages that were in flight to the dead letter queue. The move
// is one unit a message: it is in one place or the other.
func (b *Broker) bury(refs []*ref, cause string, d *durable, done func(error)) {
	b.removeAll(refs, cause, false, d, done)
}

// expireAll is bury for messages that a client found expired.
func (b *Broker) expireAll(refs []*ref, d *durable, done func(error)) {
	b.removeAll(refs, "", true, d, done)
}

// expire gets rid of one message that had expired before it was delivered.
func (b *Broker) expire(r *ref, d *durable) {
	r.home.base().stats.inflight.Add(1) // settle takes it away again
	b.removeAll([]*ref{r}, "", true, d, func(error) {})
}

func (b *Broker) removeAll(refs []*ref, cause string, expired bool, d *durable, done func(error)) {
	if len(refs) == 0 {
		done(nil)
		return
	}
	for i, r := range refs {
		finish := done
		if i < len(refs)-1 {
			finish = func(error) {} // units are done in order
		}
		b.removeDead(r, cause, expired, d, finish)
	}
}

func (b *Broker) removeDead(r *ref, cause string, expired bool, d *durable, done func(error)) {
	p := r.home.base()
	u := newBatch(b)
	if expired {
		cause = u.addExpiry(p, r.m)
		u.addLetter(p, r.m, cause, true, d)
	} else if job, drop := b.again(r, cause); job != nil {
		u.add(&b.schedule, job)
	} else if !drop {
		u.addLetter(p, r.m, cause, false, d)
	}
	b.relocate(r, u, d, done)
}

// addExpiry counts and tells that a message has expired, and returns the cause
// of its death.
func (u *batch) addExpiry(p *place, m *message.Message) string {
	p.stats.expired.Add(1)
	u.then(func(err error) {
		if err == nil {
			u.b.advise.expired(p, m)
		}
	})
	return "java.lang.Throwable: Message Expired. Expiration:" + strconv.FormatInt(m.Expiration, 10)
}

// relocate takes a message that is in flight out of its home for good, in one
// unit with what u adds elsewhere. A producer whose write is taken back is
// answered when that is safe.
func (b *Broker) relocate(r *ref, u *batch, d *durable, done func(error)) {
	defer passedOn(r)
	u.remove(r, d)
	u.parts(r)
	u.commit(store.None, message.TransactionID{}, true, done)
}

// remove takes r, which is in flight, out of its home. d is the durable
// subscription that it is of, or nil.
func (u *batch) remove(r *ref, d *durable) {
	r.home.settle(r)
	if !r.stored {
		return
	}
	if owed, ok := r.home.withdraw(r); ok {
		u.then(func(err error) {
			if owed != nil {
				owed(refusal(err))
			}
			u.b.ended()
		})
		return
	}
	u.ops = append(u.ops, r.home.removal(r))
	if d != nil {
		d.unsettled.Add(1)
		u.then(func(error) { d.settle(1) })
	}
}

// expireArrival gets rid of a message that had expired when it arrived, or
// while it waited for a subscriber. (ActiveMQ: Queue.send, Topic.send)
func (b *Broker) expireArrival(p *place, m *message.Message, done func(error)) {
	u := newBatch(b)
	u.addLetter(p, m, u.addExpiry(p, m), true, nil)
	u.commit(store.None, message.TransactionID{}, true, done)
}
