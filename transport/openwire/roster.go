package openwire

import (
	"context"
	"fmt"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
)

// connection is what a session asks of the broker's Connection. It is an
// interface so that tests can answer late, wrongly or not at all.
type connection interface {
	AddSession(*message.SessionInfo) error
	RemoveSession(id message.SessionID, lastDelivered int64) error
	AddProducer(*message.ProducerInfo) error
	RemoveProducer(message.ProducerID) error
	AddConsumer(*message.ConsumerInfo) error
	RemoveConsumer(id message.ConsumerID, lastDelivered int64) error
	AddDestination(*message.DestinationInfo) error
	RemoveDestination(*message.DestinationInfo) error
	RemoveSubscription(*message.RemoveSubscriptionInfo) error
	Send(ctx context.Context, m *message.Message, responseRequired bool, done func(error))
	SendLed(ctx context.Context, m *message.Message, done func(error))
	Acknowledge(a *message.Ack, responseRequired bool, done func(error))
	Pull(*message.Pull) error
	SetPrefetch(id message.ConsumerID, n int32) error
	Begin(message.TransactionID) error
	End(message.TransactionID) error
	Prepare(tx message.TransactionID, done func(vote int32, err error))
	Commit(tx message.TransactionID, onePhase bool, done func(error))
	Rollback(tx message.TransactionID, done func(error))
	Forget(message.TransactionID, func(error))
	Recover(done func([]message.TransactionID))
	Retire(unclaimed int) bool
	FromBroker(name string)
	Leave()
	Close()
}

var _ connection = (*broker.Connection)(nil)

// member is one of the connections that a session carries; nearly always it
// is the only one. What it counts is for the limits per connection and for
// removing a connection's sessions with what was last delivered.
type member struct {
	connection
	id       message.ConnectionID
	sessions map[message.SessionID]*tally
}

// tally is what one session has.
type tally struct {
	producers map[message.ProducerID]struct{}
	consumers map[message.ConsumerID]struct{}
}

// roster finds the broker's connection by its id. Its owner is the reader.
type roster struct {
	members map[message.ConnectionID]*member
	last    *member // that was found
}

func (r *roster) add(id message.ConnectionID, c connection) {
	if r.members == nil {
		r.members = make(map[message.ConnectionID]*member)
	}
	r.members[id] = &member{connection: c, id: id, sessions: make(map[message.SessionID]*tally)}
}

// find gives the connection of that id; what says for whom it is looked up.
// (ActiveMQ: SingleTransportConnectionStateRegister, whose texts these are)
func (r *roster) find(id message.ConnectionID, what string) (*member, error) {
	if r.last != nil && r.last.id == id {
		return r.last, nil
	}
	m := r.members[id]
	if m == nil && id == "" {
		m = r.only()
	}
	if m == nil {
		return nil, &broker.Error{Kind: broker.ErrUnknownConnection,
			Text: fmt.Sprintf("Cannot lookup a %s that had not been registered: %s", what, id)}
	}
	r.last = m
	return m, nil
}

// only gives the one connection that there is, else nil: a command that names
// none means that one, as to ActiveMQ.
func (r *roster) only() *member {
	if len(r.members) > 1 {
		return nil
	}
	for _, m := range r.members {
		return m
	}
	return nil
}

// What is looked up, for find.
const (
	forConnection = "connectionId for a connection"
	forSession    = "session from a connection"
	forProducer   = "producer from a connection"
	forConsumer   = "consumer from a connection"
)

func (r *roster) remove(m *member) {
	delete(r.members, m.id)
	r.last = nil
	m.Leave()
}

// closeAll ends every connection like those of a vanished client.
func (r *roster) closeAll() {
	for _, m := range r.members {
		m.Close()
	}
	r.members, r.last = nil, nil
}

func (m *member) producers() (n int) {
	for _, t := range m.sessions {
		n += len(t.producers)
	}
	return n
}

func (m *member) consumers() (n int) {
	for _, t := range m.sessions {
		n += len(t.consumers)
	}
	return n
}

// consumes reports whether a client would lose acknowledgements: whether it has
// consumers, beside those for the broker's advisories.
func (r *roster) consumes() bool {
	for _, m := range r.members {
		if m.consumers() > 0 {
			return true
		}
	}
	return false
}

// retire ends all deliveries, if clients have no more than n messages that are
// not acknowledged. With several connections on one socket it never does.
func (r *roster) retire(n int) bool {
	for _, m := range r.members {
		return len(r.members) == 1 && m.Retire(n)
	}
	return true
}

func (m *member) addSession(id message.SessionID) {
	if m.sessions[id] == nil {
		m.sessions[id] = &tally{
			producers: make(map[message.ProducerID]struct{}),
			consumers: make(map[message.ConsumerID]struct{}),
		}
	}
}

// session gives the tally of a session; of one that is not known it gives one
// that nobody sees, as the broker refuses what is added there.
func (m *member) session(id message.SessionID) *tally {
	if t := m.sessions[id]; t != nil {
		return t
	}
	return &tally{producers: map[message.ProducerID]struct{}{}, consumers: map[message.ConsumerID]struct{}{}}
}
