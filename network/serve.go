package network

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// server serves the other broker on a duplex connection that this one has made:
// an ordinary client, which happens to be a bridge. Commands wait in a queue for
// a goroutine of their own, so that flow control here does not hold up the
// answers to what this broker sends.
type server struct {
	bridge *bridge
	wire   Wire
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	conn *broker.Connection // the goroutine's; a bridge has one

	mu    sync.Mutex
	queue []served      // mu
	ready chan struct{} // capacity 1
}

type served struct {
	header  openwire.Header
	command any
}

// mostServed bounds what waits: a broker has no more under way than its bridge's
// prefetch for each subscription.
const mostServed = 1 << 20

func newServer(b *bridge, w Wire) *server {
	s := &server{bridge: b, wire: w, ready: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work.Go(s.run)
	return s
}

// takes queues a command that is not for the bridge itself.
func (s *server) takes(h openwire.Header, command any) bool {
	switch c := command.(type) {
	case *message.Message:
		if interpreted(c) {
			return false
		}
	case *message.ConnectionInfo, *message.SessionInfo, *message.ProducerInfo, *message.ConsumerInfo,
		*message.DestinationInfo, *message.RemoveInfo, *message.RemoveSubscriptionInfo, *message.Ack:
	default:
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= mostServed {
		s.bridge.fail(fmt.Errorf("%w: more than %d commands wait", ErrProtocol, mostServed))
		return true
	}
	s.queue = append(s.queue, served{h, command})
	signal(s.ready)
	return true
}

func (s *server) run() {
	for {
		select {
		case <-s.ready:
		case <-s.ctx.Done():
			return
		}
		s.mu.Lock()
		queue := s.queue
		s.queue = nil
		s.mu.Unlock()
		for _, c := range queue {
			if s.ctx.Err() != nil {
				return
			}
			s.handle(c)
		}
	}
}

// handle carries out one command.
func (s *server) handle(c served) {
	switch x := c.command.(type) {
	case *message.ConnectionInfo:
		s.reply(c.header, s.connect(x))
		return
	case *message.Message:
		if s.conn != nil {
			s.bridge.received.Add(1)
			s.conn.Send(s.ctx, x, c.header.ResponseRequired, func(err error) { s.reply(c.header, err) })
			return
		}
	case *message.Ack:
		if s.conn != nil {
			s.conn.Acknowledge(x, c.header.ResponseRequired, func(err error) { s.reply(c.header, err) })
			return
		}
	default:
		if s.conn != nil {
			s.reply(c.header, s.info(x))
			return
		}
	}
	s.reply(c.header, fmt.Errorf("%w: %T before a connection", ErrProtocol, c.command))
}

func (s *server) connect(info *message.ConnectionInfo) error {
	if s.conn != nil {
		return fmt.Errorf("%w: a second connection", ErrProtocol)
	}
	info.ClientIP = s.bridge.net.address(s.wire)
	conn, err := s.bridge.net.broker.Connect(info, (*servedPeer)(s))
	if err == nil {
		conn.FromBroker(s.bridge.remote.Name)
		s.conn = conn
	}
	return err
}

func (s *server) info(command any) error {
	switch c := command.(type) {
	case *message.SessionInfo:
		return s.conn.AddSession(c)
	case *message.ProducerInfo:
		return s.conn.AddProducer(c)
	case *message.ConsumerInfo:
		return s.conn.AddConsumer(c)
	case *message.DestinationInfo:
		if c.Operation == message.RemoveDestination {
			return s.conn.RemoveDestination(c)
		}
		return s.conn.AddDestination(c)
	case *message.RemoveSubscriptionInfo:
		return s.conn.RemoveSubscription(c)
	case *message.RemoveInfo:
		switch id := c.Object.(type) {
		case message.ConsumerID:
			return s.conn.RemoveConsumer(id, c.LastDelivered)
		case message.ProducerID:
			return s.conn.RemoveProducer(id)
		case message.SessionID:
			return s.conn.RemoveSession(id, c.LastDelivered)
		}
	}
	return nil
}

// reply answers a command, if that is wanted. A failure that nobody waits for
// ends the bridge, as it does with ActiveMQ.
func (s *server) reply(h openwire.Header, err error) {
	switch {
	case errors.Is(err, broker.ErrClosed):
	case !h.ResponseRequired && err == nil:
	case !h.ResponseRequired:
		s.bridge.fail(err)
	case err == nil:
		_ = s.wire.Push(&openwire.Response{CorrelationID: h.CommandID})
	default:
		_ = s.wire.Push(&openwire.ExceptionResponse{CorrelationID: h.CommandID, Exception: exception(err)})
	}
}

// exception is what the other broker is told of a failure; a bridge looks for a
// temporary destination that is gone.
func exception(err error) *message.Throwable {
	var missing *broker.MissingDestination
	if errors.As(err, &missing) {
		return &message.Throwable{Class: "org.apache.activemq.DestinationDoesNotExistException", Message: missing.Destination.String()}
	}
	return &message.Throwable{Class: "javax.jms.JMSException", Message: err.Error()}
}

// close ends the connection of the other broker.
func (s *server) close() {
	s.cancel()
	s.work.Wait()
	if s.conn != nil {
		s.conn.Close()
	}
}

// servedPeer is the other broker as the local one sees it.
type servedPeer server

// Deliver sends an advisory to the other bridge's listener.
func (p *servedPeer) Deliver(d message.Delivery) { _ = p.wire.Push(&d) }

// ProducerAck is for producers with a window.
func (p *servedPeer) ProducerAck(id message.ProducerID, size int32) {
	_ = p.wire.Push(&openwire.ProducerAck{Producer: id, Size: size})
}

// Prefetch tells a consumer its new prefetch size.
func (p *servedPeer) Prefetch(id message.ConsumerID, d message.Destination, n int32) {
	_ = p.wire.Push(&openwire.ConsumerControl{Consumer: id, Destination: d, Prefetch: n})
}

// CloseConsumer tells the other bridge to close a consumer.
func (p *servedPeer) CloseConsumer(id message.ConsumerID) {
	_ = p.wire.Push(&openwire.ConsumerControl{Consumer: id, Close: true})
}

// Fail ends the bridge.
func (p *servedPeer) Fail(err error) { p.bridge.fail(err) }
