package discovery

import (
	"log/slog"
	"sync"
	"time"
)

// static reports what its URI names. (ActiveMQ: SimpleDiscoveryAgent)
type static struct {
	backOff  backOff
	log      *slog.Logger
	listener Listener
	done     chan struct{}  // closed by Close
	news     chan struct{}  // holds one when a service has failed
	running  sync.WaitGroup // report

	mu       sync.Mutex
	services []*fixed // guarded by mu, as their fields are
	turn     uint64   // guarded by mu: of the last appearance
}

// fixed is one service.
type fixed struct {
	current  Service
	since    time.Time // current has been there
	state    state
	due      time.Time // for delayed: it comes again
	failures int       // to connect, in a row
	delay    time.Duration
}

type state int

const (
	delayed state = iota // to be reported when it is due
	there                // reported
	failed               // to be taken back
	abandoned
)

func newStatic(u *URI, options Options) *static {
	s := &static{
		backOff: u.backOff, log: options.log().With("discovery", u.Scheme),
		done: make(chan struct{}), news: make(chan struct{}, 1),
	}
	for i, uri := range u.Services {
		s.services = append(s.services, &fixed{current: Service{Name: u.names[i], URI: uri}})
	}
	return s
}

func (s *static) Start(l Listener) {
	s.listener = l
	s.running.Go(s.report)
}

func (s *static) Close() {
	close(s.done)
	s.running.Wait()
}

// Failed takes a service back and plans its return.
func (s *static) Failed(service Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.services {
		if f.current == service && f.state == there {
			f.state = failed
			s.plan(f)
			wake(s.news)
		}
	}
}

// plan sets when a service that has just failed comes again. One that was
// there for a while begins with the shortest delay. mu is held.
func (s *static) plan(f *fixed) {
	now := time.Now()
	if now.Sub(f.since) >= s.backOff.minConnect {
		f.failures, f.delay = 0, s.backOff.initial
	} else {
		f.failures++
		f.delay = s.backOff.next(f.delay)
	}
	f.due = now.Add(f.delay)
}

func wake(news chan struct{}) {
	select {
	case news <- struct{}{}:
	default:
	}
}

// report is the agent's goroutine.
func (s *static) report() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		event, service, wait := s.step()
		if event != nil {
			if s.ended() {
				return
			}
			event(service)
			continue
		}
		timer.Reset(wait)
		select {
		case <-s.done:
			return
		case <-s.news:
		case <-timer.C:
		}
	}
}

func (s *static) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// idle is how long nothing happens where nothing is planned.
const idle = time.Hour

// step finds the next call of the listener, or how long there is none.
func (s *static) step() (func(Service), Service, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, wait := time.Now(), idle
	for _, f := range s.services {
		switch {
		case f.state == failed:
			f.state = delayed
			if s.backOff.exhausted(f.failures) {
				f.state = abandoned
				s.log.Warn("reconnect attempts exceeded; reconnecting has been disabled",
					"attempts", s.backOff.attempts, "service", f.current.Name)
			}
			return s.listener.Removed, f.current, 0
		case f.state == delayed && !now.Before(f.due):
			s.turn++
			f.current.turn = s.turn
			f.state, f.since = there, now
			return s.listener.Added, f.current, 0
		case f.state == delayed:
			wait = min(wait, f.due.Sub(now))
		}
	}
	return nil, Service{}, wait
}
