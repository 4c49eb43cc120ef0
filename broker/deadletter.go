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

// deadLetter returns m as it goes to a dead letter queue, or nil if it goes
// to none.
func (p *place) deadLetter(m *message.Message, cause string, expired bool) *message.Message {
	s := &p.policy.DeadLetter
	switch {
	case s.Queue.IsZero(), s.Queue == m.Destination, p.dest.IsAdvisory():
		return nil
	case expired && !s.ProcessExpired, !m.Persistent && !s.ProcessNonPersistent:
		return nil
	}
	d := m.Copy()
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		p.b.log.Warn("dead letter has damaged properties", "destination", p.dest.String(), "message", m.ID.String(), "error", err)
	} else {
		d.Properties = p.deathProperties(properties, m, cause)
	}
	d.Expiration = 0
	if s.Expiration > 0 {
		d.Expiration = p.b.nowMS() + s.Expiration.Milliseconds()
	}
	d.Persistent = true
	d.OriginalDestination, d.Destination = m.Destination, s.Queue
	d.OriginalTransaction, d.Transaction = m.Transaction, message.TransactionID{}
	d.RedeliveryCounter = 0
	d.TargetConsumer = message.ConsumerID{}
	d.ID.BrokerSequence = p.b.sequence.Add(1)
	return d
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
	if expired {
		cause = "java.lang.Throwable: Message Expired. Expiration:" + strconv.FormatInt(r.m.Expiration, 10)
		p.stats.expired.Add(1)
	}
	u := newBatch(b)
	job, drop := (*message.Message)(nil), false
	if !expired {
		job, drop = b.again(r, cause)
	}
	if job != nil {
		u.add(&b.schedule, job)
	} else if letter := p.deadLetter(r.m, cause, expired); letter != nil && !drop {
		if err := u.addRouted(letter); err == nil {
			p.stats.deadLettered.Add(1)
		} else {
			b.log.Error("cannot create the dead letter queue", "destination", letter.Destination.String(), "error", err)
		}
	}
	r.home.settle(r)
	if r.stored {
		if owed, ok := r.home.withdraw(r); ok {
			b.withdrawn(owed, func(error) {})
		} else {
			u.ops = append(u.ops, r.home.removal(r))
			if d != nil {
				d.unsettled.Add(1)
				u.after = func(error) {
					if d.unsettled.Add(-1) == 0 {
						d.settled()
					}
				}
			}
		}
	}
	u.commit(store.None, message.TransactionID{}, true, done)
}

// bury a message that had expired when it arrived. (ActiveMQ:
// Queue.send, Topic.send)
func (b *Broker) expireArrival(p *place, m *message.Message, done func(error)) {
	p.stats.expired.Add(1)
	u := newBatch(b)
	cause := "java.lang.Throwable: Message Expired. Expiration:" + strconv.FormatInt(m.Expiration, 10)
	if letter := p.deadLetter(m, cause, true); letter != nil {
		if err := u.addRouted(letter); err == nil {
			p.stats.deadLettered.Add(1)
		}
	}
	u.commit(store.None, message.TransactionID{}, true, done)
}
