package broker

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// A durable subscription that drains takes nothing new, and goes on delivering
// what it holds: another has taken its place, which began in the log before
// this one ended, so that no message is missed by both.

// drain is what a subscription that drains remembers.
type drain struct {
	over func() // called once, when nothing is left
	told bool
}

// Drain has the durable subscription of a consumer drain; over is called when
// all that it held is acknowledged, soon or never: it ends with its consumer.
// What is sent after Drain has returned is not for the subscription any more.
func (c *Connection) Drain(id message.ConsumerID, over func()) error {
	c.mu.Lock()
	s, ok := c.consumers[id].(*consumer)
	c.mu.Unlock()
	if !ok || s.durable == nil {
		return failure(ErrUnknownConsumer, "%s is no consumer of a durable subscription", id)
	}
	d := s.durable
	d.mu.Lock()
	if d.active != s {
		d.mu.Unlock()
		return failure(ErrUnknownConsumer, "%s is no consumer of its subscription any more", id)
	}
	d.drain = &drain{over: over}
	d.draining.Store(true)
	feeds := d.feeds
	d.mu.Unlock()
	if len(feeds) == 0 {
		over()
	}
	d.kick()
	return nil
}

// refusesLocked reports whether the message at seq, which is heard of now, has
// come after the subscription began to drain. One that a page has brought before
// has been taken.
func (f *feed) refusesLocked(l *lane, rank uint8, seq store.Seq) bool {
	if f.d.drain == nil {
		return false
	}
	if _, ended := f.ends[rank]; ended {
		return true
	}
	if seq <= l.cursor {
		return false
	}
	if f.ends == nil {
		f.ends = map[uint8]store.Seq{}
	}
	f.ends[rank] = seq
	return true
}

// beyondLocked is refusesLocked for what a page brings.
func (f *feed) beyondLocked(rank uint8, seq store.Seq) bool {
	end, ended := f.ends[rank]
	return ended && seq >= end
}

// drainedLocked returns what is to be called because nothing is left, once.
func (d *durable) drainedLocked() func() {
	if d.drain == nil || d.drain.told || d.active == nil {
		return nil
	}
	for _, f := range d.feeds {
		if w := &f.window; w.head != nil || w.more() || w.paging || len(f.fetch)+len(f.locked) > 0 {
			return nil
		}
	}
	if !d.active.carriesNothing() {
		return nil
	}
	d.drain.told = true
	return d.drain.over
}

func (c *consumer) carriesNothing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inflight.n == 0 && c.suppressed.empty()
}

// undrainLocked ends it, with the consumer.
func (d *durable) undrainLocked() {
	if d.drain == nil {
		return
	}
	d.drain = nil
	d.draining.Store(false)
	for _, f := range d.feeds {
		f.ends = nil
	}
}
