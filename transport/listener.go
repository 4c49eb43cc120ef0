package transport

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Protocol makes the session that speaks on an accepted socket.
type Protocol interface {
	NewSession(socket net.Conn) Session
}

// Session is one connection from its first byte to its end. Run is called
// once; the others at any time, from any goroutine.
type Session interface {
	// Run serves until the connection has ended, then returns with the socket
	// closed and every goroutine of the session joined.
	Run()
	// Unwind, Park and Dismiss are a planned end in three steps. Unwind lets
	// the session go on until no transaction is open and then end by itself;
	// Transactions counts them. Park takes no more commands, lets those that
	// were taken be answered until ctx ends, and gives back what the client had
	// in the broker, but may leave it waiting for answers. Dismiss ends that; it
	// does not block.
	Unwind()
	Transactions() int
	Park(ctx context.Context)
	Dismiss()
	// Silence closes the socket at once: not one byte more is written. It
	// does not block.
	Silence()
}

// Options says how to listen. URI and Protocol are needed.
type Options struct {
	Name     string // for the log; "" is the URI
	URI      *URI
	Protocol Protocol
	// Published says how PublishedURI is made.
	Published AddressPolicy
	Log       *slog.Logger // nil: slog.Default()
}

// Listener accepts connections on one port. (ActiveMQ: TransportConnector)
type Listener struct {
	options Options
	log     *slog.Logger
	socket  *net.TCPListener
	// published is PublishedURI, made once: it may have asked the DNS.
	published string
	refused   atomic.Int64
	accepted  atomic.Int64

	scarceTold time.Time // when the lack of descriptors was last logged; the acceptor's own

	accepting context.Context // ended by StopAccepting
	stop      context.CancelFunc
	acceptor  sync.WaitGroup // the accept loop
	running   sync.WaitGroup // every session's Run

	mu       sync.Mutex
	sessions map[Session]struct{} // guarded by mu
	silent   bool                 // guarded by mu: sessions are silenced as they come
}

// Listen binds the URI's port and begins to accept.
func Listen(options Options) (*Listener, error) {
	l := &Listener{options: options, log: options.Log, sessions: make(map[Session]struct{})}
	if l.log == nil {
		l.log = slog.Default()
	}
	if l.options.Name == "" {
		l.options.Name = options.URI.Scheme + "://" + options.URI.Address()
	}
	l.log = l.log.With("connector", l.options.Name)
	socket, err := bind(options.URI)
	if err != nil {
		return nil, fmt.Errorf("connector %s: %w", l.options.Name, err)
	}
	for _, warning := range options.URI.Warnings {
		l.log.Warn("connector option", "warning", warning)
	}
	l.socket = socket
	l.published = options.Published.URI(options.URI, l.Addr().Port)
	l.accepting, l.stop = context.WithCancel(context.Background())
	l.acceptor.Go(l.accept)
	l.log.Info("connector started", "address", socket.Addr().String())
	return l, nil
}

// Name is the connector's name.
func (l *Listener) Name() string { return l.options.Name }

// Addr is the address that is bound.
func (l *Listener) Addr() *net.TCPAddr { return l.socket.Addr().(*net.TCPAddr) }

// PublishedURI is what clients are told to connect to: scheme, host and port,
// as Options.Published has it.
func (l *Listener) PublishedURI() string { return l.published }

// Connections is the number of connections that are open.
func (l *Listener) Connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sessions)
}

// Refused is the number of connections turned away by maximumConnections.
func (l *Listener) Refused() int64 { return l.refused.Load() }

// Accepted is the number of connections that were let in since the start.
func (l *Listener) Accepted() int64 { return l.accepted.Load() }

// StopAccepting closes the port and leaves the connections alone.
func (l *Listener) StopAccepting() {
	l.stop()
	l.socket.Close()
	l.acceptor.Wait()
}

// Unwind begins a planned end of every session; see Session.
func (l *Listener) Unwind() {
	for _, session := range l.all() {
		session.Unwind()
	}
}

// Transactions is the number of transactions that are open.
func (l *Listener) Transactions() (n int) {
	for _, session := range l.all() {
		n += session.Transactions()
	}
	return n
}

// Park is the second step of a planned end; see Session. It returns when no
// session works any more.
func (l *Listener) Park(ctx context.Context) {
	l.StopAccepting()
	var parking sync.WaitGroup
	for _, session := range l.all() {
		parking.Go(func() { session.Park(ctx) })
	}
	parking.Wait()
}

// Dismiss is the last step of a planned end. It joins every goroutine.
func (l *Listener) Dismiss() {
	for _, session := range l.all() {
		session.Dismiss()
	}
	l.running.Wait()
	l.log.Info("connector stopped")
}

// Silence is the end of a master that may own the store no more: it closes
// the port and every socket without another byte and does not wait.
func (l *Listener) Silence() {
	l.mu.Lock()
	l.silent = true
	l.mu.Unlock()
	for _, session := range l.all() {
		session.Silence()
	}
	l.stop()
	l.socket.Close()
}

// Close ends everything at once and joins every goroutine.
func (l *Listener) Close() {
	l.Silence()
	l.acceptor.Wait()
	l.running.Wait()
}

func (l *Listener) all() []Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	sessions := make([]Session, 0, len(l.sessions))
	for session := range l.sessions {
		sessions = append(sessions, session)
	}
	return sessions
}

// Bounds of the pause after a failed accept: a process without free file
// descriptors must neither spin nor die.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

func (l *Listener) accept() {
	pause := time.Duration(0)
	for {
		socket, err := l.socket.AcceptTCP()
		if l.accepting.Err() != nil {
			if err == nil {
				socket.Close()
			}
			return
		}
		if err == nil {
			pause = 0
			l.admit(socket)
			continue
		}
		if pause == 0 {
			l.log.Warn("could not accept connection", "error", err)
		}
		pause = min(max(2*pause, shortestPause), longestPause)
		select {
		case <-l.accepting.Done():
			return
		case <-time.After(pause):
		}
	}
}

// admit starts a session on socket or turns it away.
func (l *Listener) admit(socket *net.TCPConn) {
	if l.Connections() >= l.options.URI.MaximumConnections {
		l.refused.Add(1)
		l.log.Warn("could not accept connection: exceeded the maximum number of allowed client connections;"+
			" see the maximumConnections property of the connector's uri",
			"peer", socket.RemoteAddr().String(), "maximumConnections", l.options.URI.MaximumConnections)
		socket.Close()
		return
	}
	if limit, scarce := descriptorsScarce(socket); scarce {
		l.refuseScarce(limit)
		socket.Close()
		return
	}
	if err := l.options.URI.Socket.configure(socket); err != nil {
		l.log.Warn("could not set socket options", "peer", socket.RemoteAddr().String(), "error", err)
	}
	session := l.options.Protocol.NewSession(socket)
	l.accepted.Add(1)
	l.mu.Lock()
	l.sessions[session] = struct{}{}
	silent := l.silent
	l.mu.Unlock()
	if silent {
		session.Silence()
	}
	l.running.Go(func() {
		defer l.forget(session)
		session.Run()
	})
}

func (l *Listener) forget(session Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sessions, session)
}
