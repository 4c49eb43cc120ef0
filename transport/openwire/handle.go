package openwire

import (
	"context"
	"fmt"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// handle carries out one command. What a client did wrong is answered; only an
// error that ends the connection is returned. (ActiveMQ:
// TransportConnection.service)
func (s *session) handle(ctx context.Context, h codec.Header, command any) error {
	if taken, err := s.forBridge(command); taken || err != nil {
		return err
	}
	if c, ok := command.(*message.Message); ok {
		s.onMessage(ctx, h, c)
		return nil
	}
	s.turns.other()
	switch c := command.(type) {
	case *message.Ack:
		if s.ending.unwinding.Load() && s.boundary(c) {
			s.out.cork()
			s.onAck(h, c)
			return errUnwound
		}
		s.onAck(h, c)
	case *codec.TransactionInfo:
		return s.onTransactionInfo(h, c)
	case *message.Pull:
		s.reply(h, s.withConsumer(c.Consumer, func(m *member) error { return m.Pull(c) }))
	case *codec.KeepAlive:
		s.onKeepAlive(h)
	case *codec.Shutdown:
		return errShutdown
	case *codec.BrokerInfo:
		return s.onBrokerInfo(h, c)
	case *codec.ConnectionControl:
		s.updates.Store(c.FaultTolerant && s.bridge == nil && s.format.Version >= updatesSince)
		s.reply(h, nil)
	case *codec.ConsumerControl:
		s.reply(h, s.withConsumer(c.Consumer, func(m *member) error { return m.SetPrefetch(c.Consumer, c.Prefetch) }))
	case *message.ConnectionInfo, *message.SessionInfo, *message.ProducerInfo, *message.ConsumerInfo,
		*message.DestinationInfo, *message.RemoveInfo, *message.RemoveSubscriptionInfo:
		s.reply(h, s.onInfo(c))
	default:
		return s.onOther(h, c)
	}
	return nil
}

// onInfo carries out what adds or removes something.
func (s *session) onInfo(command any) error {
	switch c := command.(type) {
	case *message.ConnectionInfo:
		return s.addConnection(c)
	case *message.SessionInfo:
		return s.addSession(c)
	case *message.ProducerInfo:
		return s.addProducer(c)
	case *message.ConsumerInfo:
		return s.addConsumer(c)
	case *message.RemoveInfo:
		return s.remove(c)
	case *message.DestinationInfo:
		return s.withConnection(c.Connection, func(m *member) error {
			switch c.Operation {
			case message.AddDestination:
				return m.AddDestination(c)
			case message.RemoveDestination:
				return m.RemoveDestination(c)
			}
			return &javaError{class: "java.io.IOException", text: fmt.Sprintf("Unknown operation type: %d", c.Operation)}
		})
	case *message.RemoveSubscriptionInfo:
		return s.withConnection(c.Connection, func(m *member) error { return m.RemoveSubscription(c) })
	}
	return fmt.Errorf("%T adds nothing", command)
}

// onOther takes what asks for nothing from a broker, and refuses the rest.
func (s *session) onOther(h codec.Header, command any) error {
	switch c := command.(type) {
	case *codec.Flush, *codec.ControlCommand, *codec.ConnectionError, *codec.ProducerAck,
		*codec.DispatchNotification, *message.Delivery, *codec.BrokerSubscriptionInfo,
		*codec.Response, *codec.ExceptionResponse, *codec.DataResponse, *codec.DataArrayResponse,
		*codec.IntegerResponse:
		s.reply(h, nil)
	case unknownCommand:
		s.reply(h, &javaError{class: "java.io.IOException", text: fmt.Sprintf("Unknown data type: %d", c.dataType)})
	default:
		return fmt.Errorf("protocol violation: %T is no command", command)
	}
	return nil
}

// onKeepAlive answers in kind, if at all. (ActiveMQ:
// AbstractInactivityMonitor.onCommand)
func (s *session) onKeepAlive(h codec.Header) {
	if h.ResponseRequired {
		s.push(&entry{kind: aCommand, command: &codec.KeepAlive{}, answers: true})
	}
}

// onMessage sends; the answer comes when the broker has the message safe.
func (s *session) onMessage(ctx context.Context, h codec.Header, m *message.Message) {
	member, err := s.roster.find(m.Producer.Connection, forProducer)
	if err != nil {
		s.reply(h, err)
		return
	}
	switch {
	case !h.ResponseRequired:
		s.turns.other()
		member.Send(ctx, m, false, s.failed)
	case s.turns.message(s.out.owing(), s.frames.behind()) && s.bridge == nil: // bridges send ahead
		member.SendLed(ctx, m, s.done(h))
	default:
		member.Send(ctx, m, true, s.done(h))
	}
}

func (s *session) onAck(h codec.Header, a *message.Ack) {
	member, err := s.roster.find(a.Consumer.Connection, forConsumer)
	if err != nil {
		s.reply(h, err)
		return
	}
	member.Acknowledge(a, h.ResponseRequired, s.done(h))
}

// onTransactionInfo carries out c, and ends the session with the last
// transaction if that was asked for.
func (s *session) onTransactionInfo(h codec.Header, c *codec.TransactionInfo) error {
	if last := s.open.follow(c); !last || !s.ending.unwinding.Load() || !s.roster.retire(0) {
		s.onTransaction(h, c)
		return nil
	}
	s.out.cork()
	s.onTransaction(h, c)
	return errUnwound
}

// onTransaction moves a transaction on. (ActiveMQ: TransactionInfo.visit)
func (s *session) onTransaction(h codec.Header, t *codec.TransactionInfo) {
	m, err := s.roster.find(t.Connection, forConnection)
	if err != nil {
		s.reply(h, err)
		return
	}
	switch t.Operation {
	case codec.Begin:
		s.reply(h, m.Begin(t.Transaction))
	case codec.Prepare:
		m.Prepare(t.Transaction, func(vote int32, err error) {
			s.answer(h, &codec.IntegerResponse{CorrelationID: h.CommandID, Result: vote}, err)
		})
	case codec.CommitOnePhase, codec.CommitTwoPhase:
		m.Commit(t.Transaction, t.Operation == codec.CommitOnePhase, s.done(h))
	case codec.Rollback:
		m.Rollback(t.Transaction, s.done(h))
	case codec.Recover:
		m.Recover(func(ids []message.TransactionID) {
			data := make([]any, len(ids))
			for i, id := range ids {
				data[i] = id
			}
			s.answer(h, &codec.DataArrayResponse{CorrelationID: h.CommandID, Data: data}, nil)
		})
	case codec.Forget:
		m.Forget(t.Transaction, s.done(h))
	case codec.End:
		s.reply(h, m.End(t.Transaction))
	default:
		s.reply(h, &javaError{class: "java.io.IOException", text: fmt.Sprintf("Transaction info type unknown: %d", t.Operation)})
	}
}

func (s *session) withConnection(id message.ConnectionID, do func(*member) error) error {
	m, err := s.roster.find(id, forConnection)
	if err != nil {
		return err
	}
	return do(m)
}

func (s *session) withConsumer(id message.ConsumerID, do func(*member) error) error {
	m, err := s.roster.find(id.Connection, forConsumer)
	if err != nil {
		return err
	}
	return do(m)
}
