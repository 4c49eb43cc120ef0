package memory

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// stage says how far a unit has come.
type stage uint8

const (
	waiting stage = iota
	taken
	cancelled
)

// placed is what the store remembers in Unit.Work.
type placed struct {
	state  stage                   // queueMu
	branch *store.Branch[struct{}] // that the unit prepares or ends
	err    error                   // what Done will get; the unit has no effect
}

// commit is the committer.
func (s *Store) commit() {
	defer close(s.done)
	var batch []*store.Unit
	for {
		<-s.wake
		for {
			var closed bool
			batch, closed = s.take(batch)
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			for i, u := range batch {
				s.finish(u)
				batch[i] = nil
			}
		}
	}
}

// take exchanges the queue for the emptied batch.
func (s *Store) take(batch []*store.Unit) ([]*store.Unit, bool) {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	batch, s.pending = s.pending, batch[:0]
	for _, u := range batch {
		if p := u.Work.(*placed); p.state == waiting {
			p.state = taken
		}
	}
	s.gate.Open()
	return batch, s.closed
}

func (s *Store) finish(u *store.Unit) {
	p := u.Work.(*placed)
	if p.state == cancelled {
		return
	}
	if p.err == nil && (u.Outcome == store.None || u.Outcome == store.Commit) {
		s.stateMu.Lock()
		for i := range u.Ops {
			s.apply(&u.Ops[i])
		}
		s.stateMu.Unlock()
	}
	if u.Done != nil {
		u.Done(p.err)
	}
}

// apply carries out one operation. stateMu is held.
func (s *Store) apply(op *store.Op) {
	switch op.Action {
	case store.Add:
		id := op.Message.ID
		s.sequences.note(id.Producer, id.ProducerSequence)
		s.size += s.destination(op.Destination).add(op)
	case store.AddSubscription:
		s.destination(op.Destination).subscribe(op)
	case store.RemoveDestination:
		if d := s.destinations[op.Destination]; d != nil {
			s.size -= d.bytes
			delete(s.destinations, op.Destination)
		}
	case store.Remove, store.Acknowledge, store.Update, store.Recount, store.RemoveSubscription:
		if d := s.destinations[op.Destination]; d != nil {
			s.size += d.change(op)
		}
	}
}

func (s *Store) destination(name message.Destination) *destination {
	d := s.destinations[name]
	if d == nil {
		d = newDestination(name.Kind.IsTopic())
		s.destinations[name] = d
	}
	return d
}

// Page reads a destination; see store.Store.
func (s *Store) Page(dst []store.Entry, dest message.Destination, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	s.stateMu.RLock()
	defer s.stateMu.RUnlock()
	if d := s.destinations[dest]; d != nil {
		dst = d.page(dst, d.order.after(after), limit, maxBytes)
	}
	return dst, nil
}

// PageSubscription reads what a durable subscription has not acknowledged;
// see store.Store.
func (s *Store) PageSubscription(dst []store.Entry, dest message.Destination, subscription string, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	s.stateMu.RLock()
	defer s.stateMu.RUnlock()
	if d := s.destinations[dest]; d != nil {
		if sub := d.subscriptions[subscription]; sub != nil {
			dst = d.page(dst, sub.pending.after(after), limit, maxBytes)
		}
	}
	return dst, nil
}

// PagePriority reads the messages of one priority; see store.Store.
func (s *Store) PagePriority(dst []store.Entry, dest message.Destination, subscription string, priority uint8, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	s.stateMu.RLock()
	defer s.stateMu.RUnlock()
	d := s.destinations[dest]
	if d == nil {
		return dst, nil
	}
	list := &d.order
	if subscription != "" {
		sub := d.subscriptions[subscription]
		if sub == nil {
			return dst, nil
		}
		list = &sub.pending
	}
	return d.page(dst, d.priority(list.after(after), priority), limit, maxBytes), nil
}
