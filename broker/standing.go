package broker

import (
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// standingQueue is where it is stored which queues virtual topics feed, one
// message each, with the name of the queue as a property. A queue to which
// nothing has come yet leaves no trace in a store; what is sent to its topic
// after a failover, before its consumers are back, would pass it by. (ActiveMQ
// has such queues in its index.) Clients cannot use it.
var standingQueue = message.NewQueue("Conclave.FedQueues")

// standingName is the property of a message of standingQueue, a string.
const standingName = "destination"

// maxStanding bounds the queues that are remembered, all of which are read
// before the next master serves.
const maxStanding = 16384

// standing is the queues that are there until they are removed.
type standing struct {
	b        *Broker
	producer message.ProducerID
	serial   atomic.Int64

	mu   sync.Mutex
	kept map[message.Destination]*stand // mu
	full bool                           // mu; it was said that there are too many
}

// stand is how a queue is remembered. standing.mu guards it.
type stand struct {
	stored store.Op // what removes it; no Seq: it is on its way to the store
	gone   bool     // to be removed when it is stored
}

func (s *standing) init(b *Broker) {
	s.b = b
	s.producer = message.ProducerID{Connection: message.ConnectionID(b.options.ID), Session: -1, Value: 6}
	s.kept = map[message.Destination]*stand{}
}

// recover reads what an earlier master remembered.
func (s *standing) recover(state *store.DestinationState) bool {
	if state.Destination != standingQueue {
		return false
	}
	for after := store.Seq(0); ; {
		entries, err := s.b.store.Page(nil, standingQueue, after, jobPage, jobPageBytes)
		if err != nil {
			s.b.log.Error("cannot read which queues virtual topics feed; those that are empty are made when they are used", "error", err)
		}
		if err != nil || len(entries) == 0 {
			return true
		}
		for i := range entries {
			s.enter(&entries[i])
			after = entries[i].Seq
		}
	}
}

func (s *standing) enter(e *store.Entry) {
	value, _, err := e.Message.Property(standingName)
	name, ok := value.(string)
	if err != nil || !ok {
		s.b.log.Error("a message does not name a queue", "queue", standingQueue.Name, "message", e.Message.ID.String())
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if dest := message.NewQueue(name); len(s.kept) < maxStanding && s.kept[dest] == nil {
		s.kept[dest] = &stand{stored: departureOf(e.Message.ID, e.Seq)}
	}
}

// restore makes the queues that were remembered and are still fed.
func (s *standing) restore() {
	for _, dest := range s.names() {
		if keys, wild := s.b.routing.feeds(dest); len(keys) == 0 && !wild {
			continue
		}
		if _, err := s.b.ensure(dest); err != nil {
			s.b.log.Warn("a queue that a virtual topic feeds cannot be made", "destination", dest.String(), "error", err)
		}
	}
}

func (s *standing) names() []message.Destination {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]message.Destination, 0, len(s.kept))
	for dest := range s.kept {
		list = append(list, dest)
	}
	return list
}

func departureOf(id message.MessageID, seq store.Seq) store.Op {
	return store.Op{Action: store.Remove, Destination: standingQueue, ID: id, Seq: seq}
}

// keep remembers a queue that is being made. The registry is locked.
func (s *standing) keep(dest message.Destination) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[dest] != nil {
		return
	}
	if len(s.kept) >= maxStanding {
		if !s.full {
			s.b.log.Warn("there are too many queues that virtual topics feed; the next master knows of those that are empty when they are used", "remembered", maxStanding)
		}
		s.full = true
		return
	}
	k := &stand{}
	s.kept[dest] = k
	m := s.record(dest)
	s.b.began()
	u := store.Single(store.Op{Action: store.Add, Destination: standingQueue, Message: m}, false, nil)
	u.Done = func(err error) {
		defer s.b.ended()
		if err != nil {
			s.b.log.Error("cannot store that a virtual topic feeds a queue", "destination", dest.String(), "error", err)
			return
		}
		s.mu.Lock()
		k.stored = departureOf(m.ID, u.Ops[0].Seq)
		gone := k.gone
		s.mu.Unlock()
		if gone {
			s.b.store.Append(store.Single(k.stored, false, nil))
		}
	}
	s.b.store.Append(u)
}

// record is the message by which a queue is remembered.
func (s *standing) record(dest message.Destination) *message.Message {
	properties, _ := message.AppendProperties(nil, message.Properties{{Name: standingName, Value: dest.Name}}) // a string can always be encoded
	now := s.b.nowMS()
	return &message.Message{
		Persistent: true, Priority: 4, Destination: standingQueue, Producer: s.producer, Timestamp: now, BrokerInTime: now,
		ID:         message.MessageID{Producer: s.producer, ProducerSequence: s.serial.Add(1), BrokerSequence: s.b.sequence.Add(1)},
		Properties: properties,
	}
}

// drop forgets a queue that has been removed. The registry is locked.
func (s *standing) drop(dest message.Destination) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[dest]
	if k == nil {
		return
	}
	delete(s.kept, dest)
	if k.gone = true; k.stored.Seq != 0 {
		s.b.store.Append(store.Single(k.stored, false, nil))
	}
}
