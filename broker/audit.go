package broker

import (
	"sync"

	"github.com/conclavemq/conclave/message"
)

// audit remembers how far a fault-tolerant client's producer has come, so
// that what it sends again after a failover is not stored twice. What an
// earlier master stored is asked of the store; what this process has appended
// and may not have stored yet is known here, since a client can also come
// back to the master that it has lost. (ActiveMQ: ProducerBrokerExchange)
type audit struct {
	mu        sync.Mutex
	appended  int64         // mu; highest sequence handed to the store
	confirmed int64         // mu; highest sequence stored
	waiting   []auditWaiter // mu; repeated sends whose first copy is not stored yet
}

type auditWaiter struct {
	sequence int64
	done     func(error)
}

// maxWaiting bounds the repeated sends of one producer.
const maxWaiting = 65536

// repeated reports whether a message was sent before; done is then called
// when the first copy is stored.
func (a *audit) repeated(sequence int64, done func(error)) bool {
	a.mu.Lock()
	if sequence > a.appended {
		a.mu.Unlock()
		return false
	}
	if sequence > a.confirmed && len(a.waiting) < maxWaiting {
		a.waiting = append(a.waiting, auditWaiter{sequence, done})
		a.mu.Unlock()
		return true
	}
	a.mu.Unlock()
	done(nil)
	return true
}

// append is called when a message is handed to the store.
func (a *audit) append(sequence int64) {
	a.mu.Lock()
	a.appended = max(a.appended, sequence)
	a.mu.Unlock()
}

// confirm is called with the outcome.
func (a *audit) confirm(sequence int64, err error) {
	a.mu.Lock()
	if err == nil {
		a.confirmed = max(a.confirmed, sequence)
	} else if a.appended == sequence {
		a.appended = sequence - 1 // it may be sent again
	}
	var ready []auditWaiter
	kept := a.waiting[:0]
	for _, w := range a.waiting {
		if w.sequence <= sequence {
			ready = append(ready, w)
		} else {
			kept = append(kept, w)
		}
	}
	a.waiting = kept
	a.mu.Unlock()
	for _, w := range ready {
		w.done(err)
	}
}

// audits holds the audits of producers that are there, and of those whose
// connection was lost and who may come back.
type audits struct {
	b        *Broker
	mu       sync.Mutex
	byID     map[message.ProducerID]*audit // mu
	departed []message.ProducerID          // mu; oldest first
}

// maxDeparted bounds what is remembered of lost producers.
const maxDeparted = 16384

func (as *audits) init(b *Broker) {
	as.b = b
	as.byID = map[message.ProducerID]*audit{}
}

// enter returns the audit of a producer, and whether this process has known
// it before.
func (as *audits) enter(id message.ProducerID, reconnected bool) (a *audit, known bool) {
	stored := int64(-1)
	if reconnected {
		stored = as.b.store.LastSequence(id)
	}
	as.mu.Lock()
	a, known = as.byID[id]
	if !known {
		a = &audit{appended: -1, confirmed: -1}
		as.byID[id] = a
	}
	as.mu.Unlock()
	a.mu.Lock()
	a.appended, a.confirmed = max(a.appended, stored), max(a.confirmed, stored)
	a.mu.Unlock()
	return a, known
}

// leave forgets a producer that was closed, and remembers for a while one
// that was lost.
func (as *audits) leave(id message.ProducerID, lost bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.byID[id] == nil {
		return
	}
	if !lost {
		delete(as.byID, id)
		return
	}
	as.departed = append(as.departed, id)
	for len(as.departed) > maxDeparted {
		as.b.dropAudit(as.departed[0])
		as.departed = as.departed[1:]
	}
}

// dropAudit forgets a lost producer, unless it is back. audits.mu is held.
func (b *Broker) dropAudit(id message.ProducerID) {
	a := b.audits.byID[id]
	if a == nil {
		return
	}
	delete(b.audits.byID, id)
}

func (as *audits) find(id message.ProducerID) *audit {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.byID[id]
}

// commit notes that a transaction's messages are handed to the store,
// committed that they are stored.
func (as *audits) commit(t *transaction) {
	as.each(t, func(a *audit, sequence int64) { a.append(sequence) })
}

func (as *audits) committed(t *transaction, err error) {
	as.each(t, func(a *audit, sequence int64) { a.confirm(sequence, err) })
}

func (as *audits) each(t *transaction, f func(*audit, int64)) {
	if t.by == nil || !t.by.info.FaultTolerant {
		return
	}
	for i := range t.sends {
		m := t.sends[i].m
		if !m.Persistent {
			continue
		}
		if a := as.find(m.ID.Producer); a != nil {
			f(a, m.ID.ProducerSequence)
		}
	}
}
