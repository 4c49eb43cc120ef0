package broker

// throttled is a Peer that says when too much waits to be written to it. What
// a topic's subscriber may be given by its prefetch size, 32767 messages of
// any length, is no bound on memory.
type throttled interface {
	// Congested reports whether too much waits. If so, resume is called once,
	// without any lock, when it is less, unless the connection ends first.
	Congested(resume func()) bool
}

// heldLocked reports that s has to let messages wait, where their memory
// counts, because its peer does not read.
func (s *subscriber) heldLocked() bool {
	if s.held || s.throttle == nil {
		return s.held
	}
	s.held = s.throttle.Congested(s.resume)
	return s.held
}

// release goes on with deliveries; it is s.resume.
func (s *subscriber) release() {
	s.mu.Lock()
	s.held = false
	s.mu.Unlock()
	s.drain()
}
