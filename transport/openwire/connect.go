package openwire

import (
	"fmt"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
)

// updatesSince is the version of OpenWire whose ConnectionControl lists other
// brokers. (ActiveMQ: TransportConnection.updateClient)
const updatesSince = 6

// addConnection begins one of the broker's connections. A client that is
// refused may read why, then its socket is closed. (ActiveMQ:
// TransportConnection.processAddConnection)
func (s *session) addConnection(info *message.ConnectionInfo) error {
	if s.format.Version <= 2 {
		info.ClientMaster = true
	}
	if info.ClientIP == "" {
		info.ClientIP = s.peer
	}
	if _, err := s.roster.find(info.ID, forConnection); err == nil {
		return nil // sent again: it is there
	}
	c, err := s.protocol.connect(info, s)
	if err != nil {
		s.log.Warn("failed to add connection", "connection", string(info.ID), "clientId", info.ClientID, "reason", err)
		s.monitor.later(lastWords, func() { s.end(fmt.Errorf("connection was refused: %w", err)) })
		return err
	}
	s.roster.add(info.ID, c)
	if s.bridge != nil {
		c.FromBroker(s.bridge.Name)
	}
	s.widen()
	s.updates.Store(info.FaultTolerant && s.bridge == nil && s.format.Version >= updatesSince)
	if info.Manageable {
		s.greet(info)
	}
	return nil
}

func (s *session) addSession(info *message.SessionInfo) error {
	m, err := s.roster.find(info.ID.Connection, forSession)
	if err != nil {
		return err
	}
	if err := m.AddSession(info); err != nil {
		return err
	}
	m.addSession(info.ID)
	return nil
}

func (s *session) addProducer(info *message.ProducerInfo) error {
	m, err := s.roster.find(info.ID.Connection, "producer from a connection")
	if err != nil {
		return illegalState("Cannot add a producer to a connection that had not been registered: %s", info.ID.Connection)
	}
	t := m.session(info.ID.SessionID())
	limit := s.protocol.options.MaximumProducersAllowedPerConnection
	if _, again := t.producers[info.ID]; !again && !info.Destination.IsAdvisory() && m.producers() >= limit {
		return illegalState("Can't add producer on connection %s: at maximum limit: %d", m.id, limit)
	}
	if err := m.AddProducer(info); err != nil {
		return err
	}
	t.producers[info.ID] = struct{}{}
	return nil
}

func (s *session) addConsumer(info *message.ConsumerInfo) error {
	m, err := s.roster.find(info.ID.Connection, forConsumer)
	if err != nil {
		return illegalState("Cannot add a consumer to a connection that had not been registered: %s", info.ID.Connection)
	}
	t := m.session(info.ID.SessionID())
	limit := s.protocol.options.MaximumConsumersAllowedPerConnection
	if _, again := t.consumers[info.ID]; !again && !info.Destination.IsAdvisory() && m.consumers() >= limit {
		return illegalState("Can't add consumer on connection %s: at maximum limit: %d", m.id, limit)
	}
	if err := m.AddConsumer(info); err != nil {
		return err
	}
	t.consumers[info.ID] = struct{}{}
	return nil
}

func illegalState(format string, arguments ...any) error {
	return &javaError{class: "java.lang.IllegalStateException", text: fmt.Sprintf(format, arguments...)}
}

// remove ends whatever info names.
func (s *session) remove(info *message.RemoveInfo) error {
	switch id := info.Object.(type) {
	case message.ConsumerID:
		return s.withConsumer(id, func(m *member) error {
			delete(m.session(id.SessionID()).consumers, id)
			return m.RemoveConsumer(id, info.LastDelivered)
		})
	case message.ProducerID:
		m, err := s.roster.find(id.Connection, forProducer)
		if err != nil {
			return err
		}
		delete(m.session(id.SessionID()).producers, id)
		return m.RemoveProducer(id)
	case message.SessionID:
		m, err := s.roster.find(id.Connection, forSession)
		if err != nil {
			return err
		}
		delete(m.sessions, id)
		return m.RemoveSession(id, info.LastDelivered)
	case message.ConnectionID:
		s.removeConnection(id, info.LastDelivered)
		return nil
	}
	return &javaError{class: "java.io.IOException", text: fmt.Sprintf("Unknown remove command type: %T", info.Object)}
}

// removeConnection ends a connection with its sessions; one that is not known
// is gone already. (ActiveMQ: TransportConnection.processRemoveConnection)
func (s *session) removeConnection(id message.ConnectionID, lastDelivered int64) {
	m, err := s.roster.find(id, forConnection)
	if err != nil {
		return
	}
	for session := range m.sessions {
		if err := m.RemoveSession(session, lastDelivered); err != nil {
			s.log.Warn("failed to remove session", "session", session.String(), "error", err)
		}
	}
	s.roster.remove(m)
}

var _ broker.Peer = (*session)(nil)
