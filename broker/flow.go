package broker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
)

// flow lets producers wait for memory: those without a response by blocking
// their connection, the others parked in their destination's lot. Its loop is
// the only one that resumes either.
type flow struct {
	b       *Broker
	waiting atomic.Int32  // blocked and parked sends
	kick    chan struct{} // capacity 1: memory was freed

	mu   sync.Mutex
	wake chan struct{}   // mu; closed when memory was freed
	lots map[*lot]*place // mu; those with parked sends
}

func (f *flow) init(b *Broker) {
	f.b = b
	f.kick = make(chan struct{}, 1)
	f.wake = make(chan struct{})
	f.lots = map[*lot]*place{}
}

// freed tells the loop that memory was given back. It never blocks.
func (f *flow) freed() {
	if f.waiting.Load() == 0 {
		return
	}
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// loop wakes who waits.
func (f *flow) loop() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-f.b.stop:
			return
		case <-f.kick:
			f.mu.Lock()
			close(f.wake)
			f.wake = make(chan struct{})
			f.mu.Unlock()
		case <-ticker.C:
		}
		f.resume()
	}
}

// resume goes on with parked sends for which there is memory now.
func (f *flow) resume() {
	f.mu.Lock()
	lots := make(map[*lot]*place, len(f.lots))
	for l, p := range f.lots {
		lots[l] = p
	}
	f.mu.Unlock()
	for l, p := range lots {
		l.drain(p)
	}
}

func (f *flow) changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wake
}

// wait blocks a send of producer id to p until there is memory.
func (f *flow) wait(ctx context.Context, p *place, id message.ProducerID) error {
	f.waiting.Add(1)
	p.stats.blocked.Add(1)
	defer f.waiting.Add(-1)
	defer p.stats.blocked.Add(-1)
	var warn, late <-chan time.Time
	start := time.Now()
	if every := p.policy.BlockedProducerWarningInterval; every > 0 {
		p.warnBlocked(id, 0)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		warn = ticker.C
	}
	if limit := p.space.failAfter; limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	for {
		changed := f.changed()
		if !p.blocks() {
			f.b.unblocked(p, time.Since(start))
			return nil
		}
		select {
		case <-changed:
		case <-warn:
			p.warnBlocked(id, time.Since(start))
		case <-late:
			return p.noSpace(id, true)
		case <-f.b.quiet:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrClosed, ctx.Err())
		}
	}
}

// warnBlocked logs once in an interval that producers wait, however many do.
func (p *place) warnBlocked(id message.ProducerID, blocked time.Duration) {
	now, last := p.b.now().UnixNano(), p.warned.Load()
	every := int64(p.policy.BlockedProducerWarningInterval)
	if every <= 0 || now-last < every || !p.warned.CompareAndSwap(last, now) {
		return
	}
	p.b.log.Warn("Usage Manager Memory Limit reached. Producers will be throttled to the rate at which messages are removed from this destination to prevent flooding it.",
		"destination", p.dest.String(), "limit", p.usage.fullest().limit, "producer", id.String(),
		"size", p.stats.size.Load(), "blocking for", blocked.Round(time.Second).String())
}

// parked is a send that waits for memory without blocking its connection.
type parked struct {
	c     *Connection
	id    message.ProducerID
	since time.Time
	run   func()
	done  func(error)
}

// lot is where sends to one destination wait, first come first served.
type lot struct {
	mu    sync.Mutex
	queue []parked // mu
}

// maxParked bounds a lot; a producer has one send with a response at a time,
// or a window of them.
const maxParked = 65536

// park adds a send.
func (p *place) park(s parked) error {
	f := &p.b.flow
	l := &p.lot
	l.mu.Lock()
	if len(l.queue) >= maxParked {
		l.mu.Unlock()
		return p.noSpace(s.id, true)
	}
	l.queue = append(l.queue, s)
	f.waiting.Add(1)
	p.stats.blocked.Add(1)
	l.mu.Unlock()
	f.mu.Lock()
	f.lots[l] = p
	f.mu.Unlock()
	p.warnBlocked(s.id, 0)
	f.freed() // memory may have come back in between
	return nil
}

// drain runs parked sends as far as memory reaches.
func (l *lot) drain(p *place) {
	f := &p.b.flow
	limit := p.space.failAfter
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.queue = nil
			f.mu.Lock()
			delete(f.lots, l)
			f.mu.Unlock()
			l.mu.Unlock()
			return
		}
		late := limit > 0 && time.Since(l.queue[0].since) >= limit
		if p.blocks() && !late {
			l.mu.Unlock()
			return
		}
		s := l.takeLocked(p, 0)
		l.mu.Unlock()
		if late && p.blocks() {
			s.done(p.noSpace(s.id, true))
		} else {
			p.b.unblocked(p, time.Since(s.since))
			s.run()
		}
	}
}

func (l *lot) takeLocked(p *place, i int) parked {
	s := l.queue[i]
	l.queue = append(l.queue[:i], l.queue[i+1:]...)
	p.b.flow.waiting.Add(-1)
	p.stats.blocked.Add(-1)
	return s
}

// forget drops the parked sends of a connection that is gone: its client may
// send them again elsewhere.
func (f *flow) forget(c *Connection) {
	f.mu.Lock()
	lots := make(map[*lot]*place, len(f.lots))
	for l, p := range f.lots {
		lots[l] = p
	}
	f.mu.Unlock()
	for l, p := range lots {
		var dropped []parked
		l.mu.Lock()
		for i := 0; i < len(l.queue); {
			if l.queue[i].c == c {
				dropped = append(dropped, l.takeLocked(p, i))
			} else {
				i++
			}
		}
		l.mu.Unlock()
		for _, s := range dropped {
			s.done(f.b.ousted(&c.left))
		}
	}
}
