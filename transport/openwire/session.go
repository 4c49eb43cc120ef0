package openwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// session is one OpenWire connection. It implements transport.Session and,
// towards the broker, broker.Peer.
type session struct {
	protocol *Protocol
	socket   net.Conn
	peer     string // "tcp://host:port", as ActiveMQ prints it
	log      *slog.Logger

	out     *outbound
	writer  *writer
	monitor *monitor

	// The reader's own.
	frames     *frameReader
	decoder    *codec.Decoder
	format     codec.Format
	negotiated bool
	bridge     *codec.BrokerInfo // of a network bridge, nil of a client
	far        *Far              // of a duplex bridge, or nil
	reverse    Reverse           // likewise
	roster     roster            // the broker's connections on this one
	turns      turns             // of the client's messages and our answers

	serve   func() error       // reads commands under a context that unblock ends
	unblock context.CancelFunc // frees the reader from the broker's flow control
	reads   atomic.Uint64      // of the socket
	busy    atomic.Bool        // the reader is handling a command
	// updates says that the client takes ConnectionControl at any time.
	updates atomic.Bool
	// unsettled says that it has just come from another broker; see settleTime.
	unsettled atomic.Bool
	open      openTransactions
	ending    ending

	endOnce sync.Once
	cause   error         // set once by end, read after ended is closed
	ended   chan struct{} // closed when the socket is
	read    chan struct{} // closed when the reader has read its last
	failed  func(error)   // answers a command that wants no response
}

func newSession(p *Protocol, socket net.Conn) *session {
	s := &session{
		protocol: p,
		socket:   socket,
		peer:     "tcp://" + socket.RemoteAddr().String(),
		out:      newOutbound(),
		writer:   newWriter(socket),
		ended:    make(chan struct{}),
		read:     make(chan struct{}),
		ending:   ending{settled: make(chan struct{}), parked: make(chan struct{})},
	}
	s.log = p.log.With("peer", s.peer)
	s.frames = newFrameReader(countingReader{socket, &s.reads}, p.options.URI.Socket.IOBufferSize)
	s.decoder = codec.NewDecoder(codec.InitialFormat())
	s.monitor = newMonitor(s)
	s.failed = func(err error) { s.serviceFailure(err) }
	ctx, cancel := context.WithCancel(context.Background())
	s.unblock = cancel
	s.serve = func() error { return s.readCommands(ctx) }
	return s
}

// countingReader counts what it reads, so that a long frame is no silence.
type countingReader struct {
	io.Reader
	reads *atomic.Uint64
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.reads.Add(1)
	return n, err
}

// Run serves the connection until it has ended.
func (s *session) Run() {
	defer s.protocol.forget(s)
	defer s.unblock()
	var writing sync.WaitGroup
	writing.Go(s.write)
	offer := s.protocol.offer
	s.send(&offer)
	s.monitor.awaitHandshake(s.protocol.options.URI.HandshakeTimeout())

	cause := s.guard(s.serve)
	close(s.read)
	switch {
	case errors.Is(cause, errUnwound):
		s.leave()
	case s.ending.parking.Load():
		s.rest()
	case errors.Is(cause, errShutdown):
		s.lastWords()
	default:
		s.end(cause)
	}
	writing.Wait()
	s.end(cause)
	s.monitor.stop()
	s.guard(func() error { s.endBridge(); s.roster.closeAll(); return nil })
	s.logEnd()
}

// guard is the backstop: a fault in serving one connection ends that one.
func (s *session) guard(serve func() error) (cause error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("fault while serving a connection", "fault", p, "stack", string(debug.Stack()))
			cause = fmt.Errorf("%w: %v", errFault, p)
		}
	}()
	return serve()
}

// write is the writing goroutine.
func (s *session) write() {
	err := s.guard(func() error { return s.writer.run(s.out) })
	if err == nil && s.halfClose() {
		return // the reader ends it
	}
	if err == nil {
		err = errFinished
	}
	s.end(err)
}

// end closes the socket, which ends reader and writer; the first cause counts.
func (s *session) end(cause error) {
	s.endOnce.Do(func() {
		s.cause = cause
		s.unblock()
		s.out.close()
		s.socket.Close()
		close(s.ended)
	})
}

// lastWords lets the writer finish what is queued, within a time, and end the
// session. It does not wait.
func (s *session) lastWords() {
	s.socket.SetWriteDeadline(time.Now().Add(lastWords))
	s.out.finish()
}

// Silence resets the connection without another byte.
func (s *session) Silence() {
	if tcp, ok := s.socket.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	s.end(errSilenced)
}

// Deliver queues a message for a consumer.
func (s *session) Deliver(d message.Delivery) {
	s.push(&entry{kind: aDelivery, delivery: d})
}

// Congested reports whether too much waits to be written for consumers to be
// given more, and calls resume when it is less.
func (s *session) Congested(resume func()) bool { return s.out.congested(resume) }

// ProducerAck gives size bytes of a producer's window back.
func (s *session) ProducerAck(id message.ProducerID, size int32) {
	s.send(&codec.ProducerAck{Producer: id, Size: size})
}

// Prefetch tells a consumer its new prefetch size.
func (s *session) Prefetch(consumer message.ConsumerID, dest message.Destination, n int32) {
	s.send(&codec.ConsumerControl{Consumer: consumer, Destination: dest, Prefetch: n})
}

// CloseConsumer tells the client to close a consumer.
func (s *session) CloseConsumer(consumer message.ConsumerID) {
	s.send(&codec.ConsumerControl{Consumer: consumer, Close: true})
}

// Fail tells the client why its connection ends, and ends it. One that is only
// to connect again, or that does not read, is not told, so that its application hears of no error.
func (s *session) Fail(err error) {
	if s.ending.parking.Load() {
		return // it ends another way
	}
	s.log.Info("connection ended by the broker", "reason", err)
	if !errors.Is(err, broker.ErrOutOfStep) && !errors.Is(err, broker.ErrTooSlow) {
		s.send(&codec.ConnectionError{Exception: throwable(err)})
	}
	s.lastWords()
}

// send queues a command that answers none.
func (s *session) send(command any) { s.push(&entry{kind: aCommand, command: command}) }

func (s *session) push(e *entry) {
	if !s.out.push(e) {
		s.end(errOverflow)
	}
}

// updatable reports whether the client takes a ConnectionControl now.
func (s *session) updatable() bool { return s.updates.Load() }

var _ broker.Peer = (*session)(nil)

// Why a session ended, beside what reading and writing report.
var (
	errShutdown  = errors.New("client has shut down")
	errFinished  = errors.New("session was ended by the broker")
	errOverflow  = fmt.Errorf("more than %d commands wait to be written", mostQueued)
	errFault     = errors.New("fault of the broker")
	errHandshake = errors.New("no wire format was received in time")
	errInactive  = errors.New("channel was inactive for too long")
	errStuck     = errors.New("peer takes no data")
)

// logEnd says in one line why the connection ended where that is news.
func (s *session) logEnd() {
	switch cause := s.cause; {
	case errors.Is(cause, errShutdown), errors.Is(cause, errFinished), errors.Is(cause, errUnwound), errors.Is(cause, errParked),
		errors.Is(cause, errSilenced):
		s.log.Debug("connection closed", "reason", cause)
	case s.remoteClose(cause) && !s.protocol.options.WarnOnRemoteClose:
		s.log.Debug("connection closed by peer", "reason", cause)
	default:
		s.log.Warn("transport connection failed", "reason", cause)
	}
}

// remoteClose reports ends that are a client's way to go. (ActiveMQ:
// TransportConnection.suppressed)
func (s *session) remoteClose(err error) bool {
	return err == io.EOF || err == io.ErrUnexpectedEOF && !s.negotiated ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, os.ErrDeadlineExceeded)
}
