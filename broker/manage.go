package broker

import (
	"context"
	"errors"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// What an operator does with the messages of a queue. Each message is moved in
// one unit, so that it is in one place or the other, and only what waits is
// taken: what consumers have in flight stays with them. The operations may run
// beside consumers and producers; they look at what was there when they began.
// (ActiveMQ: Queue.moveMatchingMessagesTo and its kin)

// Selection says which messages an operation is about.
type Selection struct {
	// Selector is JMS's; "" selects all.
	Selector string
	// ID, if it is not null, selects the message with that id alone.
	ID message.MessageID
	// Max bounds how many; 0 or less does not.
	Max int
}

// ErrNotDeadLetters is returned for a queue that has no dead letters.
var ErrNotDeadLetters = errors.New("retry of message is only possible on dead letter queues")

// Remove deletes messages and returns how many.
func (b *Broker) Remove(ctx context.Context, from message.Destination, s Selection) (int, error) {
	return b.eachSelected(ctx, from, s, nil, func(r *ref, done func(error)) {
		b.relocate(r, newBatch(b), nil, done)
	})
}

// Move puts messages into another destination and returns how many. They get
// an originalDestination and no redelivery count.
func (b *Broker) Move(ctx context.Context, from message.Destination, s Selection, to message.Destination) (int, error) {
	if from == to {
		return 0, nil
	}
	t, err := b.ensure(to)
	if err != nil {
		return 0, err
	}
	return b.eachSelected(ctx, from, s, nil, func(r *ref, done func(error)) { b.move(r, t, done) })
}

func (b *Broker) move(r *ref, t target, done func(error)) {
	if from := r.m.OriginalDestination; !from.IsZero() {
		b.burials.leave(burial{key: r.m.ID.Key(), from: from, to: r.home.base().dest}) // it may become a dead letter again
	}
	m := r.m.Copy()
	b.readdress(m, t.base().dest)
	u := newBatch(b)
	u.add(t, m)
	b.relocate(r, u, nil, done)
}

// Retry puts dead letters back to where they came from and returns how many.
// What has no original destination stays. (ActiveMQ: QueueView.retryMessages)
func (b *Broker) Retry(ctx context.Context, from message.Destination, s Selection) (int, error) {
	t := b.registry.find(from)
	if t == nil {
		return 0, failure(ErrUnknownDestination, "The destination %s does not exist.", from)
	}
	all := t.base().graves.Load()
	wants := func(m *message.Message) bool {
		return !m.OriginalDestination.IsZero() && m.OriginalDestination != from && (all || isDeadLetter(m))
	}
	n, err := b.eachSelected(ctx, from, s, wants, func(r *ref, done func(error)) {
		to := r.m.OriginalDestination
		t, err := b.ensure(to)
		if err != nil {
			r.home.(*queue).putBack([]*ref{r})
			done(err)
			return
		}
		b.move(r, t, done)
	})
	if n == 0 && err == nil && !all {
		err = ErrNotDeadLetters
	}
	return n, err
}

// isDeadLetter tells a dead letter by its properties.
func isDeadLetter(m *message.Message) bool {
	for _, name := range []string{propertyCause, propertyExpiration} {
		if _, ok, err := m.Property(name); ok && err == nil {
			return true
		}
	}
	return false
}

// Copy puts copies of messages into another destination and returns how many.
func (b *Broker) Copy(ctx context.Context, from message.Destination, s Selection, to message.Destination) (int, error) {
	if from == to {
		return 0, nil
	}
	q, err := b.queueAt(from)
	if err != nil {
		return 0, err
	}
	wants, err := b.matcher(s, nil)
	if err != nil {
		return 0, err
	}
	t, err := b.ensure(to)
	if err != nil {
		return 0, err
	}
	n := 0
	err = q.walk(ctx, func(m *message.Message) (bool, error) {
		if !wants(m) {
			return true, nil
		}
		c := m.Copy()
		b.readdress(c, to)
		u := newBatch(b)
		u.add(t, c)
		if err := waited(ctx, func(done func(error)) { u.commit(store.None, message.TransactionID{}, true, done) }); err != nil {
			return false, err
		}
		n++
		return s.Max <= 0 || n < s.Max, nil
	})
	return n, err
}

// waited calls f and waits for its outcome.
func waited(ctx context.Context, f func(done func(error))) error {
	outcome := make(chan error, 1)
	f(func(err error) { outcome <- err })
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *Broker) queueAt(dest message.Destination) (*queue, error) {
	if q, ok := b.registry.find(dest).(*queue); ok {
		return q, nil
	}
	return nil, failure(ErrUnknownDestination, "The destination %s does not exist.", dest)
}

// matcher makes a test of a selection; more, which may be nil, is a further
// condition.
func (b *Broker) matcher(s Selection, more func(*message.Message) bool) (func(*message.Message) bool, error) {
	filter, err := b.parseSelector(s.Selector)
	if err != nil {
		return nil, err
	}
	one := s.ID.Key()
	return func(m *message.Message) bool {
		return (s.ID.IsZero() || m.ID.Key() == one) && (filter == nil || filter.Match(m, m.RedeliveryCounter)) && (more == nil || more(m))
	}, nil
}

// eachSelected takes the selected messages out of a queue, one page after the
// other, and calls do with each. do ends with done.
func (b *Broker) eachSelected(ctx context.Context, from message.Destination, s Selection, more func(*message.Message) bool, do func(r *ref, done func(error))) (int, error) {
	q, err := b.queueAt(from)
	if err != nil {
		return 0, err
	}
	wants, err := b.matcher(s, more)
	if err != nil {
		return 0, err
	}
	k := &taker{q: q, wants: wants, left: s.Max}
	if s.Max <= 0 {
		k.left = int(^uint(0) >> 1)
	}
	n := 0
	for k.next(ctx) {
		var failed error
		for i, r := range k.refs {
			if err := waited(ctx, func(done func(error)) { do(r, done) }); err != nil {
				failed = err
				q.putBack(k.refs[i+1:])
				k.refs = k.refs[:i+1]
				break
			}
			n++
		}
		q.unlockAll(k.refs)
		if failed != nil {
			return n, failed
		}
	}
	return n, k.err
}
