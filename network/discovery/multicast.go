package discovery

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"
)

// reopenAfter is how long a socket may bring nothing, or cannot be had, before
// it is opened anew: interfaces come and go.
const reopenAfter = 30 * time.Second

// multicast reports what announces itself to a group. (ActiveMQ:
// MulticastDiscoveryAgent)
type multicast struct {
	group    groupOptions
	uri      *URI
	open     opener
	log      *slog.Logger
	listener Listener
	done     chan struct{} // closed by Close
	news     chan struct{} // holds one when the book has changed
	running  sync.WaitGroup

	mu     sync.Mutex
	book   book   // guarded by mu
	socket socket // guarded by mu: nil while there is none
}

func newMulticast(u *URI, options Options) *multicast {
	m := &multicast{
		group: u.group, uri: u, open: options.open,
		log:  options.log().With("discovery", u.Scheme, "group", u.group.name),
		done: make(chan struct{}), news: make(chan struct{}, 1),
	}
	if m.open == nil {
		m.open = openUDP
	}
	m.book = book{backOff: u.backOff, keepAlive: u.group.keepAlive, log: m.log,
		self: make(map[string]bool), entries: make(map[string]*entry)}
	for _, self := range options.Self {
		m.book.self[self] = true
	}
	return m
}

func (m *multicast) Start(l Listener) {
	m.listener = l
	m.running.Go(m.report)
	m.running.Go(m.receive)
}

func (m *multicast) Close() {
	close(m.done)
	m.mu.Lock()
	if m.socket != nil {
		m.socket.close()
	}
	m.mu.Unlock()
	m.running.Wait()
}

func (m *multicast) Failed(s Service) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.URI = "" // the book knows the name alone
	m.book.fail(s, time.Now())
	wake(m.news)
}

// report keeps time and calls the listener.
func (m *multicast) report() {
	tick := time.NewTicker(m.group.keepAlive)
	defer tick.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-m.news:
		case <-tick.C:
			m.mu.Lock()
			m.book.expire(time.Now())
			m.mu.Unlock()
		}
		for m.tell() {
		}
	}
}

// tell makes one call of the listener, if there is one to make.
func (m *multicast) tell() bool {
	m.mu.Lock()
	s, added, ok := m.book.step()
	m.mu.Unlock()
	select {
	case <-m.done:
		return false
	default:
	}
	if !ok {
		return false
	}
	s.URI = m.uri.completed(s.Name)
	if added {
		m.listener.Added(s)
	} else {
		m.listener.Removed(s)
	}
	return true
}

// receive reads packets until the agent is closed.
func (m *multicast) receive() {
	told := false
	for {
		s, err := m.open(m.group, true)
		if err == nil {
			if !m.use(s) {
				return
			}
			began := time.Now()
			err = m.read(s)
			told = told && time.Since(began) < reopenAfter
			m.use(nil)
			s.close()
		}
		if err != nil && !told && !m.isClosed() {
			m.log.Warn("cannot listen to the multicast group; will try again", "address", m.group.address.String(), "error", err)
			told = true
		}
		if !m.rest(err) {
			return
		}
	}
}

func (m *multicast) isClosed() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// rest waits after a socket that could not be had, or not be read, and reports
// whether the agent goes on.
func (m *multicast) rest(err error) bool {
	wait := time.Duration(0)
	if err != nil {
		wait = reopenAfter / 10
	}
	select {
	case <-m.done:
		return false
	case <-time.After(wait):
		return true
	}
}

// use makes s what Close closes; false if the agent is closed already.
func (m *multicast) use(s socket) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.done:
		if s != nil {
			s.close()
		}
		return false
	default:
	}
	m.socket = s
	return true
}

// read takes packets in until the socket fails, or, without an error, brings
// nothing for long.
func (m *multicast) read(s socket) error {
	buf := make([]byte, longestPacket+1)
	for {
		n, err := s.receive(buf, reopenAfter)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		p, ok := decode(m.group.name, buf[:n])
		if !ok {
			continue
		}
		m.mu.Lock()
		m.book.hear(p, time.Now())
		m.mu.Unlock()
		wake(m.news)
	}
}
