package client

import (
	"context"
	"slices"
	"sync"
)

// standby keeps connections to brokers that might be needed: with backup, as
// many as backupPoolSize to any broker but the present one; with
// priorityBackup, one to a broker of priority, to which the connection then
// moves. They are negotiated and kept alive, and nothing else. (ActiveMQ:
// FailoverTransport.buildBackups)
type standby struct {
	conn *Conn
	size int           // of the pool
	wake chan struct{} // capacity 1: something has changed

	mu    sync.Mutex
	ready []*link // guarded by mu; those of priority first
}

func newStandby(c *Conn) *standby {
	fo := c.target.failover
	if fo == nil || !fo.backup && !fo.priorityBackup {
		return nil
	}
	s := &standby{conn: c, wake: make(chan struct{}, 1)}
	if fo.backup {
		s.size = fo.backupPoolSize
	}
	return s
}

// stir has run look again. s may be nil.
func (s *standby) stir() {
	if s != nil {
		signal(s.wake)
	}
}

// signal fills a channel of capacity 1.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// run builds what is missing, at the delays of reconnecting, until ctx ends;
// then it ends what is left.
func (s *standby) run(ctx context.Context) {
	defer s.end()
	fo := s.conn.target.failover
	delay := fo.initialReconnectDelay
	for {
		var again <-chan struct{}
		var stop func()
		if s.build(ctx) {
			delay = fo.initialReconnectDelay
		} else {
			again, stop = after(delay)
			delay = fo.after(delay)
		}
		select {
		case <-s.wake:
		case <-again:
		case <-ctx.Done():
		}
		if stop != nil {
			stop()
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// build tries once to make what is missing, and reports whether nothing is.
func (s *standby) build(ctx context.Context) bool {
	c := s.conn
	present := c.present()
	if present == nil {
		return true // a reconnect is under way, which stirs at its end
	}
	complete := true
	if !c.addresses.isPriority(present.endpoint) {
		for _, e := range c.addresses.priorities() {
			if s.has(e) {
				signal(c.moves)
				return true
			}
			complete = false
			if l, err := c.openStandby(ctx, e); err == nil {
				s.put(l, true)
				signal(c.moves)
				return true
			}
		}
	}
	for _, e := range c.addresses.list() {
		if s.count() >= s.size || ctx.Err() != nil {
			break
		}
		if same(e, present.endpoint) || s.has(e) {
			continue
		}
		l, err := c.openStandby(ctx, e)
		if err != nil {
			complete = false
			continue
		}
		s.put(l, false)
	}
	return complete
}

// put takes a new link; one too many is ended.
func (s *standby) put(l *link, first bool) {
	s.mu.Lock()
	var surplus *link
	if first {
		s.ready = slices.Insert(s.ready, 0, l)
		if n := len(s.ready); n > max(s.size, 1) {
			surplus, s.ready = s.ready[n-1], s.ready[:n-1]
		}
	} else {
		s.ready = append(s.ready, l)
	}
	s.mu.Unlock()
	if surplus != nil {
		surplus.abort()
	}
}

// take gives out a link that lives, nil without one; with priority, one to a
// broker of priority alone. s may be nil.
func (s *standby) take(priority bool) *link {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruneLocked()
	for i, l := range s.ready {
		if !priority || s.conn.addresses.isPriority(l.endpoint) {
			s.ready = slices.Delete(s.ready, i, i+1)
			return l
		}
	}
	return nil
}

func (s *standby) pruneLocked() {
	s.ready = slices.DeleteFunc(s.ready, (*link).ended)
}

func (s *standby) has(e endpoint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruneLocked()
	return slices.ContainsFunc(s.ready, func(l *link) bool { return same(l.endpoint, e) })
}

func (s *standby) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruneLocked()
	return len(s.ready)
}

func (s *standby) end() {
	s.mu.Lock()
	left := s.ready
	s.ready = nil
	s.mu.Unlock()
	for _, l := range left {
		l.abort()
	}
}
