package broker

import (
	"sync"
	"time"

	"github.com/conclavemq/conclave/message"
)

// temporaryGrace is how long messages wait for a temporary destination that is
// not there: its client may be failing over to here, or the broker of its
// client about to tell of it.
const temporaryGrace = 30 * time.Second

// maxAwaited bounds the temporary destinations that are waited for at a time.
const maxAwaited = 4096

// awaited are temporary destinations to which a reply was sent before they were
// announced. A request may overtake the announcement of where its reply goes,
// since a broker sends them by different ways; and after a failover a client
// that replies may be back before the one that asked. Replies wait in the
// destination, which is its client's when that comes, and removed with them
// when it does not within temporaryGrace.
//
// ActiveMQ refuses such replies, which nobody notices who sends asynchronously,
// or with allowTempAutoCreationOnSend keeps their destinations for ever.
type awaited struct {
	since time.Time // when this broker began
	gone  recent    // temporary destinations that were removed, where it may be asked

	mu     sync.Mutex
	timers map[message.Destination]*time.Timer // mu; nil when the broker has ended
}

// begin is called once, before the first connection.
func (w *awaited) begin(now time.Time) {
	w.since, w.timers = now, map[message.Destination]*time.Timer{}
}

// foresees reports whether a temporary destination that is not there may be
// announced soon: it never was, its owner is none of this broker's clients, and
// there are other brokers, or the sender itself has just come by a failover.
func (c *Connection) foresees(dest message.Destination) bool {
	b := c.b
	owner := ownerOf(dest)
	if !dest.Kind.IsTemporary() || owner == "" || b.serves(owner) || b.awaited.gone.has(digestOf(dest.String())) {
		return false
	}
	return b.bridges.some() || c.info.FailoverReconnect && b.now().Sub(b.awaited.since) < temporaryGrace
}

// await makes a temporary destination that nobody has announced. Nobody is told
// of it.
func (b *Broker) await(dest message.Destination) (target, error) {
	w := &b.awaited
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timers == nil || len(w.timers) >= maxAwaited {
		return nil, &MissingDestination{dest}
	}
	if err := validName(dest); err != nil {
		return nil, err
	}
	t, created, err := b.create(dest, nil)
	if created {
		w.timers[dest] = time.AfterFunc(temporaryGrace, func() { b.giveUp(dest, t) })
	}
	return t, err
}

// declare makes a temporary destination of which its client, or another broker
// by path, tells, or hands over the one that is awaited.
func (b *Broker) declare(dest message.Destination, path []message.BrokerID) (target, error) {
	w := &b.awaited
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := b.ensureFrom(dest, path)
	if timer := w.timers[dest]; timer != nil && err == nil {
		timer.Stop()
		delete(w.timers, dest)
		b.advise.destination(dest, message.AddDestination, t.base().owner, path)
	}
	return t, err
}

// giveUp removes a temporary destination that was awaited in vain, unless it has
// consumers all the same.
func (b *Broker) giveUp(dest message.Destination, t target) {
	w := &b.awaited
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timers[dest] == nil {
		return
	}
	delete(w.timers, dest)
	lost := t.base().stats.size.Load()
	if b.retire(t, consumers, nil) {
		b.log.Info("messages to a temporary destination that nobody announced are given up", "destination", dest.String(), "messages", lost)
	}
}

// end stops waiting.
func (w *awaited) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, timer := range w.timers {
		timer.Stop()
	}
	w.timers = nil
}
