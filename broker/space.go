package broker

import (
	"time"

	"github.com/conclavemq/conclave/message"
)

// space is how a destination deals with memory and disk that end. It does not
// change.
type space struct {
	spools    bool          // what is not stored and must wait goes to the spool when memory is short
	resident  bool          // what waits is in memory, all of it
	failNow   bool          // sendFailIfNoSpace
	failAfter time.Duration // sendFailIfNoSpaceAfterTimeout; 0 never
	surcharge int64         // what a message counts for beyond its Size; may be negative
}

// usualMinimum is what message.Message.Size counts beside bodies.
const usualMinimum = 1024

func (p *place) initSpace() {
	o, policy, s := &p.b.options, &p.policy, &p.space
	s.resident = policy.InMemory || o.StoreInMemory
	// A mark at or above the limit is not reached: producers wait at the limit.
	// Without flow control nothing else would bound what is in memory.
	keeps := policy.InMemory || policy.CursorMemoryHighWaterMark >= 100
	s.spools = o.Spool != nil && (!keeps || !policy.ProducerFlowControl)
	s.failNow, s.failAfter = o.SendFailIfNoSpace, o.SendFailIfNoSpaceAfterTimeout
	if own := policy.SendFailIfNoSpace; own != nil {
		s.failNow = *own
	}
	if own := policy.SendFailIfNoSpaceAfterTimeout; own != nil {
		s.failAfter = *own
	}
	if policy.MinimumMessageSize > 0 {
		s.surcharge = policy.MinimumMessageSize - usualMinimum
	}
	p.usage.high = policy.CursorMemoryHighWaterMark
	p.b.quota.watch(policy.StoreUsageHighWaterMark)
}

// sizeOf is what m counts for in memory. (ActiveMQ: Message.getSize)
func (p *place) sizeOf(m *message.Message) int64 { return m.Size() + p.space.surcharge }

// crowded reports that what waits should not be held in memory any more. A
// topic whose producers wait at a limit of its own is not crowded by that.
// (ActiveMQ: a topic's cursors look at the broker's memory, a queue's at the
// queue's)
func (p *place) crowded() bool { return p.crowdedBy(0) }

// crowdedBy reports it for one more message of n bytes. It counts already while
// it is sent to a topic: where the mark of the broker's memory is also the
// topic's limit, producers are not to wait at the limit first. (ActiveMQ:
// Topic.doMessageSend)
func (p *place) crowdedBy(n int64) bool {
	if p.dest.Kind.IsTopic() && p.usage.limit > 0 && p.policy.ProducerFlowControl {
		return p.usage.above(p.usage.parent, n)
	}
	return p.usage.crowded()
}

// blocks reports whether producers of what is not stored have to wait.
func (p *place) blocks() bool {
	switch {
	case !p.space.spools:
		return p.policy.ProducerFlowControl && p.usage.blocks()
	case p.crowded() && p.b.options.Spool.Full():
		return true
	case !p.dest.Kind.IsTopic() || !p.policy.ProducerFlowControl:
		return false
	case p.usage.limit > 0 && p.usage.used.Load() >= p.usage.limit:
		return true
	}
	return p.policy.DurablesInMemory && p.usage.blocks()
}

// help is where ActiveMQ sends those who have no space.
const help = "See http://activemq.apache.org/producer-flow-control.html for more info"

// noSpace is what a producer is told. (ActiveMQ: Queue.send, Queue.checkUsage,
// Topic.send)
func (p *place) noSpace(id message.ProducerID, waited bool) error {
	if p.space.spools && p.crowded() {
		used, limit := p.b.options.Spool.Used(), p.b.options.Spool.Limit()
		return failure(ErrResourceAllocation, "Temp Store is Full (%d%% of %d). Stopping producer (%s) to prevent flooding %s. %s",
			used*100/max(limit, 1), limit, id, p.dest, help)
	}
	switch {
	case p.dest.Kind.IsQueue() && !waited:
		return failure(ErrResourceAllocation, "Usage Manager Memory Limit reached on %s. %s", p.dest, help)
	case p.dest.Kind.IsQueue():
		return failure(ErrResourceAllocation, "Usage Manager Memory Limit Wait Timeout. Stopping producer (%s) to prevent flooding %s. %s", id, p.dest, help)
	case !waited:
		return failure(ErrResourceAllocation, "Usage Manager memory limit (%d) reached. Rejecting send for producer (%s) to prevent flooding %s. %s",
			p.usage.fullest().limit, id, p.dest, help)
	}
	return failure(ErrResourceAllocation, "Usage Manager Memory Usage limit reached. Stopping producer (%s) to prevent flooding %s. %s", id, p.dest, help)
}

// noStore is what a producer is told when the store is at its limit.
func (p *place) noStore(id message.ProducerID) error {
	return failure(ErrResourceAllocation, "Persistent store is Full, %d%% of %d. Stopping producer (%s) to prevent flooding %s. %s",
		p.policy.StoreUsageHighWaterMark, p.b.quota.limit.Load(), id, p.dest, help)
}
