package broker

import (
	"context"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// suspected flags the first message that a producer sends after its client
// has failed over to here from elsewhere; clients restore all producers before
// they send again. With concurrent store and dispatch, which an
// ActiveMQ may have whatever is configured here, the master that is gone may
// have delivered it before, without a trace in the store: it was in flight to
// the disk, or consumed before it got there, and the client got no answer.
// Producers wait for the answer to a persistent message, so that it can be no
// other; and what is sent in a transaction is not delivered before the commit.
func (p *producer) suspected(m *message.Message) {
	if !p.suspect || !m.Persistent {
		return
	}
	p.suspect = false
	if m.Transaction.IsZero() && m.RedeliveryCounter == 0 {
		m.RedeliveryCounter = 1
	}
}

// reused reports whether the message is in its queue already, which is told as
// success: a producer that uses a sequence again, without a failover, sends the
// same message. Two of one id in a queue would be one to the store, and two to
// its consumers until the next take-over. (ActiveMQ: MessageDatabase.updateIndex,
// which looks at each message)
func (d *dispatch) reused(ctx context.Context) (bool, error) {
	p, m := d.p, d.m
	if m.ID.ProducerSequence > p.last {
		p.last = m.ID.ProducerSequence
		return false, nil
	}
	b := d.c.b
	q, ok := d.first.(*queue)
	if !ok || d.more != nil || !q.stores(m) {
		return false, nil
	}
	// The first one may be on its way.
	if err := waited(ctx, func(done func(error)) { b.store.Append(&store.Unit{Done: done}) }); err != nil {
		return false, err
	}
	if _, there := b.store.Find(q.dest, m.ID); !there {
		return false, nil
	}
	q.stats.copies.Add(1)
	b.log.Warn("a message whose id is in the queue already is not stored again", "message", m.ID.String(), "destination", q.dest.String())
	d.finish()(nil)
	return true, nil
}
