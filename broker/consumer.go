package broker

import (
	"slices"
	"sync"
	"time"

	"github.com/conclavemq/conclave/message"
)

// subscription is a consumer of whatever kind, as its connection sees it.
type subscription interface {
	details() *message.ConsumerInfo
	acknowledge(t *transaction, a *message.Ack, sync bool, done func(error))
	pull(p *message.Pull) error
	setPrefetch(n int32)
	// close ends it; see message.RemoveInfo for lastDelivered.
	close(lastDelivered int64)
}

// consumer takes messages from queues, or from one durable subscription, as
// far as its credit reaches. (ActiveMQ: PrefetchSubscription)
type consumer struct {
	b       *Broker
	conn    *Connection
	peer    Peer
	info    message.ConsumerInfo
	filter  Filter // nil: every message
	durable *durable
	extend  bool // usePrefetchExtension
	pace    pace
	forward *forward // of a bridge, or nil

	mu         sync.Mutex
	homes      []home       // mu
	inflight   deque        // mu
	suppressed suppressions // mu; refused as duplicates
	hold       hold         // mu
	prefetch   int          // mu
	extension  int          // mu; credit beyond prefetch
	allowance  int          // mu; credit in a pause, see Trickle
	delivered  int64        // mu; messages so far
	seen       uint32       // mu; the last ref.nth that was acknowledged in any way
	closed     bool         // mu
	awaits     bool         // mu; a pull wants to hear at once that there is nothing
	timer      *time.Timer  // mu; of a pull
}

// maxPrefetch bounds what a client may ask for.
const maxPrefetch = 1 << 20

func clampPrefetch(n int32) int { return min(max(int(n), 0), maxPrefetch) }

func (c *consumer) details() *message.ConsumerInfo { return &c.info }

// selective reports whether there are messages that c does not want.
func (c *consumer) selective() bool {
	return c.filter != nil || c.info.NoLocal || c.forward != nil
}

// wants reports whether m, which was delivered this often before, is for c. A
// queue message may name its consumer.
func (c *consumer) wants(m *message.Message, redeliveries int32) bool {
	if m.TargetConsumer != (message.ConsumerID{}) && m.TargetConsumer != c.info.ID {
		return false
	}
	if c.info.NoLocal && m.ID.Producer.Connection == c.info.ID.Connection {
		return false
	}
	return c.filter == nil || c.filter.Match(m, redeliveries)
}

// creditLocked is how many messages c may be given.
func (c *consumer) creditLocked() int {
	switch {
	case c.closed:
		return 0
	case c.b.paused.Load():
		if c.conn.retired.Load() {
			return 0
		}
		return c.allowance
	case c.prefetch == 0:
		return c.extension
	}
	return c.prefetch + c.extension - c.inflight.n
}

// readyLocked reports whether c may be given a message now.
func (c *consumer) readyLocked() bool {
	return c.creditLocked() > 0 && (c.prefetch == 0 || !c.hold.heldLocked()) && (c.forward == nil || c.forward.mayGo(c))
}

// ready reports whether there is credit and c's peer reads.
func (c *consumer) ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readyLocked()
}

// take delivers r if c is ready. The lock of r's home is held.
func (c *consumer) take(r *ref, dest message.Destination) bool { return c.deliver(r, r.m, dest) }

// deliver is take; m is r's message as c gets it.
func (c *consumer) deliver(r *ref, m *message.Message, dest message.Destination) bool {
	c.mu.Lock()
	if !c.readyLocked() {
		c.mu.Unlock()
		return false
	}
	c.allowance = 0
	if c.prefetch == 0 {
		c.extension-- // asked for one by one, which is bound enough
	}
	r.owner = c
	c.awaits = false
	if c.forward != nil {
		c.forward.goes()
	}
	if c.forward != nil || r.lent {
		c.b.bridged.leaving.add(r)
	}
	c.sendLocked(r, m, dest)
	c.mu.Unlock()
	return true
}

// sendLocked puts r, as m, on its way.
func (c *consumer) sendLocked(r *ref, m *message.Message, dest message.Destination) {
	if c.inflight.n == 0 {
		c.pace.moved()
	}
	c.inflight.push(r)
	c.delivered++
	r.nth = uint32(c.delivered)
	c.peer.Deliver(message.Delivery{
		Consumer:          c.info.ID,
		Destination:       dest,
		Message:           m,
		RedeliveryCounter: r.redeliveries,
	})
	if p := r.home.base(); p.watched {
		p.goes(r.m, c.info.ID)
	}
}

// join adds a home; false if c is closed or has it already.
func (c *consumer) join(h home) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || slices.Contains(c.homes, h) {
		return false
	}
	c.homes = append(c.homes, h)
	return true
}

// leave takes a home away that is no more, and returns what was in flight
// from it.
func (c *consumer) leave(h home) []*ref {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.homes, h); i >= 0 {
		c.homes = slices.Delete(slices.Clone(c.homes), i, i+1)
	}
	var refs []*ref
	for _, r := range slices.Clone(c.inflight.refs[c.inflight.head:]) {
		if r != nil && r.home == h && !r.held {
			c.inflight.remove(r)
			refs = append(refs, r)
		}
	}
	return append(refs, c.suppressed.take(func(r *ref) bool { return r.home == h })...)
}

// kick lets the homes deliver.
func (c *consumer) kick() {
	c.mu.Lock()
	homes := c.homes // replaced as a whole or appended to, never overwritten
	c.mu.Unlock()
	for _, h := range homes {
		h.kick()
	}
}

func (c *consumer) setPrefetch(n int32) {
	c.mu.Lock()
	if c.prefetch = clampPrefetch(n); n <= 0 {
		c.extension = 0 // from now on there are pulls
	}
	c.mu.Unlock()
	c.kick()
}

// pull asks for one message where there is no prefetch.
func (c *consumer) pull(p *message.Pull) error {
	c.mu.Lock()
	if c.prefetch != 0 || c.closed {
		c.mu.Unlock()
		return nil
	}
	c.extension = 1
	before := c.delivered
	c.awaits = p.TimeoutMS < 0
	c.stopTimerLocked()
	if p.TimeoutMS > 0 {
		c.timer = time.AfterFunc(time.Duration(min(p.TimeoutMS, maxPullMS))*time.Millisecond, func() { c.expirePull(before) })
	}
	homes := c.homes
	c.mu.Unlock()
	c.kick()
	for _, h := range homes {
		if !h.idle() {
			return nil // it answers when it has looked
		}
	}
	c.answerEmpty()
	return nil
}

// maxPullMS keeps a pull's timeout within what a Duration holds.
const maxPullMS = int64(1) << 40

// awaiting reports whether a pull wants to hear that there is nothing.
func (c *consumer) awaiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.awaits && !c.closed
}

// answerEmpty tells a waiting pull that there is nothing.
func (c *consumer) answerEmpty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.awaits && !c.closed {
		c.nothingLocked()
	}
}

// expirePull ends a pull whose time is over, if nothing has come since.
func (c *consumer) expirePull(before int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.delivered == before && !c.closed && c.prefetch == 0 {
		c.nothingLocked()
	}
}

func (c *consumer) nothingLocked() {
	c.awaits, c.extension = false, 0
	c.peer.Deliver(message.Delivery{Consumer: c.info.ID})
}

func (c *consumer) stopTimerLocked() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// close gives back what was not acknowledged. What is acknowledged in a
// transaction stays with that.
func (c *consumer) close(lastDelivered int64) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	c.stopTimerLocked()
	if c.forward != nil {
		c.forward.stop()
	}
	homes := c.homes
	var refs, held []*ref
	for _, r := range c.inflight.refs[c.inflight.head:] {
		switch {
		case r == nil:
		case r.held:
			held = append(held, r)
		default:
			refs = append(refs, r)
		}
	}
	c.inflight = deque{}
	if c.conn.sentAway.Load() {
		suspectDeliveries(refs)
	} else if had, known := c.hadLocked(refs, lastDelivered); c.forward != nil {
		suspectDeliveries(had)
	} else if !known && c.conn.info.FailoverReconnect {
		// The client had it from another connection, and more before it, of which
		// this one has got a part only. ActiveMQ flags nothing then.
		suspectDeliveries(refs)
	} else {
		countDeliveries(had)
		c.b.recount(had)
	}
	refs = append(c.suppressed.end(), refs...)
	c.mu.Unlock()
	if c.durable != nil {
		c.durable.free(c, refs, held)
		return
	}
	for _, h := range homes {
		var own []*ref
		for _, r := range refs {
			if r.home == h {
				own = append(own, r)
			}
		}
		h.detach(c, own)
	}
}

// countDeliveries raises the redelivery counter of messages that the
// application had. A delivery that a rollback has counted is not counted again.
func countDeliveries(refs []*ref) {
	for _, r := range refs {
		if !r.raised {
			r.redeliveries++
		}
	}
}

// hadLocked returns those of refs that the application may have had: all, if
// the client did not say; up to the last one that it says it has given to the
// application. If that is none of them (known is false), it was acknowledged
// before others, or is another consumer's of the session: then it is what came
// before what was acknowledged here, which ActiveMQ's queues leave without a
// flag. (ActiveMQ: Queue.removeSubscription, DurableTopicSubscription.deactivate)
func (c *consumer) hadLocked(refs []*ref, lastDelivered int64) (had []*ref, known bool) {
	switch {
	case lastDelivered == message.LastDeliveredUnknown || lastDelivered == 0:
		return refs, true
	case lastDelivered < 0:
		return nil, true
	}
	if i := slices.IndexFunc(refs, func(r *ref) bool { return r.m.ID.BrokerSequence == lastDelivered }); i >= 0 {
		return refs[:i+1], true
	}
	for _, r := range refs {
		if !follows(r.nth, c.seen) {
			had = append(had, r)
		}
	}
	return had, false
}

// sawLocked notes that the application has had r.
func (c *consumer) sawLocked(r *ref) {
	if follows(r.nth, c.seen) {
		c.seen = r.nth
	}
}

// follows compares deliveries, which are few enough at a time to be counted round
// and round.
func follows(x, y uint32) bool { return int32(x-y) > 0 }

// suspectDeliveries flags all, for any may have been seen, and raises no
// counter that says so already: that we send a client away, or that a bridge
// breaks, is no failure of its application's, and too many would make dead
// letters.
func suspectDeliveries(refs []*ref) {
	for _, r := range refs {
		r.redeliveries = max(r.redeliveries, 1)
	}
}
