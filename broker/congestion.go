package broker

// throttled is a Peer that says when too much waits to be written to it. What
// a consumer may be given by its prefetch size, 32767 messages of any length
// on a topic, is no bound on memory.
type throttled interface {
	// Congested reports whether too much waits. If so, resume is called once,
	// without any lock, when it is less, unless the connection ends first.
	Congested(resume func()) bool
}

// hold keeps messages back from a consumer whose peer does not read: in the
// window of their queue, or where else they count as memory. The consumer's
// lock guards it.
type hold struct {
	peer   throttled // fixed; nil if the Peer is none
	resume func()    // fixed
	on     bool      // the peer is congested and will call resume
}

func newHold(p Peer, resume func()) hold {
	t, _ := p.(throttled)
	return hold{peer: t, resume: resume}
}

func (h *hold) heldLocked() bool {
	if h.on || h.peer == nil {
		return h.on
	}
	h.on = h.peer.Congested(h.resume)
	return h.on
}

// release goes on with deliveries.
func (s *subscriber) release() {
	s.mu.Lock()
	s.hold.on = false
	s.mu.Unlock()
	s.drain()
}

func (c *consumer) release() {
	c.mu.Lock()
	c.hold.on = false
	c.mu.Unlock()
	c.kick()
}

func (br *browser) release() {
	br.mu.Lock()
	defer br.mu.Unlock()
	br.hold.on = false
	br.credit.Signal()
}
