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

	mu      sync.Mutex
	queue   []served      // mu
	waiting int           // mu; bytes of the commands that are not carried out yet
	ready   chan struct{} // capacity 1: there is something in queue
	room    chan struct{} // capacity 1: waiting has become less
}

type served struct {
	header  openwire.Header
	command any
	size    int
}

// mostServed bounds the bytes that wait; beyond them nothing is read. A broker
// has under way its bridge's prefetch for each subscription, which is hardly ever
// as much.
const mostServed = 64 << 20

// leastServed is what a command counts at least: what it takes in memory.
const leastServed = 512

func newServer(b *bridge, w Wire) *server {
	s := &server{bridge: b, wire: w, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func (s *server) start() { s.work.Go(s.run) }

// serves reports whether a command is not for the bridge itself.
func serves(command any) bool {
	switch c := command.(type) {
	case *message.Message:
		return !interpreted(c)
	case *message.ConnectionInfo, *message.SessionInfo, *message.ProducerInfo, *message.ConsumerInfo,
		*message.DestinationInfo, *message.RemoveInfo, *message.RemoveSubscriptionInfo, *message.Ack:
		return true
	}
	return false
}

// take queues a command that came in a frame of size bytes. It waits while too
// much waits already, until the bridge or the wire ends.
func (s *server) take(h openwire.Header, command any, size int, ending <-chan struct{}) {
	size = max(size, leastServed)
	for {
		s.mu.Lock()
		if s.waiting == 0 || s.waiting+size <= mostServed {
			s.queue = append(s.queue, served{h, command, size})
			s.waiting += size
			s.mu.Unlock()
			signal(s.ready)
			return
		}
		s.mu.Unlock()
		select {
		case <-s.room:
		case <-s.bridge.ctx.Done():
			return
		case <-ending:
			return
		}
	}
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
		for i := range queue {
			if s.ctx.Err() != nil {
				return
			}
			s.handle(queue[i])
			s.mu.Lock()
			s.waiting -= queue[i].size
			s.mu.Unlock()
			queue[i] = served{}
			signal(s.room)
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
