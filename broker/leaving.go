package broker

import (
	"sync"

	"github.com/conclavemq/conclave/message"
)

// leaving are the messages of queues that bridges have in hand: on their way to
// another broker, which may have stored them and even send them back before
// this one has removed its own. The one that comes back waits for that: two of
// one id in a queue would be one to the store.
type leaving struct {
	mu   sync.Mutex
	list map[leavingKey][]func(gone bool) // mu; who waits for the message to have left, or to be back
}

type leavingKey struct {
	dest message.Destination
	id   message.MessageKey
}

func (l *leaving) add(r *ref) {
	key := leavingKey{r.home.base().dest, r.m.ID.Key()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list == nil {
		l.list = map[leavingKey][]func(bool){}
	}
	if _, there := l.list[key]; !there {
		l.list[key] = nil
	}
}

// await has f called when the message has left, or is back; false if it is not
// leaving.
func (l *leaving) await(m *message.Message, f func(gone bool)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := leavingKey{m.Destination, m.ID.Key()}
	waiting, there := l.list[key]
	if there {
		l.list[key] = append(waiting, f)
	}
	return there
}

// handedOver is called when r is removed, or is given back, if a bridge had it.
// Who waits goes on elsewhere: it may wait for memory.
func (q *queue) handedOver(r *ref, gone bool) {
	if c := r.owner; c == nil || c.forward == nil {
		return
	}
	l := &q.b.bridged.leaving
	key := leavingKey{q.dest, r.m.ID.Key()}
	l.mu.Lock()
	waiting := l.list[key]
	delete(l.list, key)
	l.mu.Unlock()
	if len(waiting) > 0 && !q.b.stopping.Load() {
		q.b.run(func() {
			for _, f := range waiting {
				f(gone)
			}
		})
	}
}

// passedOn is called when the removal of r has its place in the log.
func passedOn(r *ref) {
	if q, ok := r.home.(*queue); ok {
		q.handedOver(r, true)
	}
}

// returns parks a message that comes back before it has left. It goes on when
// that is done; if instead the message has stayed here after all, there is
// nothing to store.
func (d *dispatch) returns() bool {
	if d.more != nil || !d.m.Destination.Kind.IsQueue() {
		return false
	}
	send := *d
	return d.c.b.bridged.leaving.await(d.m, func(gone bool) {
		if !gone {
			send.finish()(nil)
			return
		}
		send.c.mu.Lock()
		err := send.c.usable()
		if err == nil {
			err = send.pass(send.c.life)
		}
		send.c.mu.Unlock()
		if err != nil {
			send.finish()(err)
		}
	})
}
