package broker

import (
	"slices"
	"sync"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// subscriber is a topic consumer that is not durable. What it cannot take at
// once waits in memory, and is discarded where a limit says so. Nothing is
// ever delivered again. (ActiveMQ: TopicSubscription)
type subscriber struct {
	b        *Broker
	conn     *Connection
	peer     Peer
	info     message.ConsumerInfo
	filter   Filter
	extend   bool
	limit    int // of waiting beyond the credit; -1 none
	eviction Eviction
	pace     pace
	forward  *forward // of a bridge, or nil

	mu        sync.Mutex
	topics    []*topic // mu
	waiting   backlog  // mu
	overflow  overflow // mu; behind waiting
	refilling bool     // mu; from overflow
	inflight  marks    // mu; delivered and not acknowledged
	prefetch  int      // mu
	extension int      // mu
	delivered int64    // mu
	closed    bool     // mu
	hold      hold     // mu
	timer     *time.Timer
}

// newSubscriber makes a subscriber whose policy is that of its (first)
// destination.
func (c *Connection) newSubscriber(info *message.ConsumerInfo, filter Filter, p *Policy) *subscriber {
	s := &subscriber{
		b: c.b, conn: c, peer: c.peer, info: *info, filter: filter,
		waiting: newBacklog(p.PrioritizedMessages),
		extend:  p.UsePrefetchExtension, limit: p.pendingLimit(info), eviction: p.Eviction,
		prefetch: clampPrefetch(info.PrefetchSize),
	}
	if s.guides() {
		s.limit = maxUntaught
	}
	s.hold = newHold(c.peer, s.release)
	s.pace.begin(c.b)
	return s
}

// guides reports whether what s listens to tells another broker's bridge which
// consumers there are.
func (s *subscriber) guides() bool {
	return s.conn.source.Load() != nil && isAdvisory(s.info.Destination)
}

// pendingLimit is how many messages may wait for a consumer; -1 any number.
// The consumer's own limit counts where it is the lower one, also where the
// policy has none, where ActiveMQ ignores it. (ActiveMQ:
// PolicyEntry.configure)
func (p *Policy) pendingLimit(info *message.ConsumerInfo) int {
	limit := p.PendingMessageLimit
	if p.PendingByRate {
		limit = int(min(float64(clampPrefetch(info.PrefetchSize))*p.PendingRate, maxPending))
	}
	if own := int(info.MaximumPendingMessageLimit); own > 0 && (limit < 0 || own < limit) {
		limit = own
	}
	return max(limit, -1)
}

// maxPending bounds a limit that is computed.
const maxPending = 1 << 30

func (s *subscriber) details() *message.ConsumerInfo { return &s.info }
func (s *subscriber) subscription() subscription     { return s }

func (s *subscriber) wants(m *message.Message) bool {
	if m.TargetConsumer != (message.ConsumerID{}) && m.TargetConsumer != s.info.ID {
		return false
	}
	if s.info.NoLocal && m.ID.Producer.Connection == s.info.ID.Connection {
		return false
	}
	return (s.filter == nil || s.filter.Match(m, m.RedeliveryCounter)) && (s.forward == nil || s.forward.passes(m))
}

func (s *subscriber) creditLocked() int {
	switch {
	case s.closed:
		return 0
	case s.prefetch == 0:
		return s.extension
	}
	return s.prefetch + s.extension - s.inflight.n
}

// hear delivers m, or lets it wait, or discards it or what has waited. What was
// sent in a transaction may have expired before the commit. (ActiveMQ:
// Topic.doMessageSend)
func (s *subscriber) hear(t *topic, m *message.Message, _ *store.Op, sh *share) {
	if !s.wants(m) {
		return
	}
	if m.Expiration > 0 && m.Expired(s.b.nowMS()) {
		sh.note(notice{s: s, p: &t.place, m: m, fate: expired, again: sh.buried.Swap(true)})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.waiting.n+s.overflow.n == 0 && s.creditLocked() > 0 && !s.b.stopping.Load() && !s.hold.heldLocked() {
		s.deliverLocked(t, m)
		s.pace.recover()
		return
	}
	if s.lagsLocked() && s.pace.slacken() {
		s.warnLocked()
		for _, t := range s.topics {
			sh.note(notice{s: s, p: &t.place})
		}
	}
	if s.limit == 0 && s.creditLocked() <= 0 {
		sh.note(notice{s: s, p: &t.place, m: m, fate: dropped})
		return
	}
	if s.spillLocked(t, m) {
		return
	}
	sh.keep()
	s.waiting.push(waiter{m, t, sh, s.eviction.keyOf(m)})
	if s.limit >= 0 {
		s.limitLocked(sh)
	}
}

// lagsLocked reports whether more waits than the consumer's prefetch, beyond
// what it has credit for.
func (s *subscriber) lagsLocked() bool {
	return s.prefetch > 1 && s.waiting.n+s.overflow.n-max(0, s.creditLocked()) > s.prefetch
}

// limitLocked discards what waits beyond the limit, expired messages first.
// What there is credit for and only the peer does not read does not count.
func (s *subscriber) limitLocked(sh *share) {
	q, e := &s.waiting, &s.eviction
	spare := max(0, s.creditLocked())
	if !e.KeepExpired && q.mortal > 0 && q.n-spare > min(e.ExpiredAbove, s.limit) {
		for _, w := range removeExpired(q, s.b.nowMS(), nil) {
			sh.note(s.letGo(w, expired))
		}
	}
	for q.n-spare > s.limit {
		for _, w := range e.evict(q, q.n-spare-s.limit, nil) {
			sh.note(s.letGo(w, evicted))
		}
	}
}

// letGo is what is to be told of w, which is not delivered. Its memory counts
// until then.
func (s *subscriber) letGo(w waiter, f fate) notice {
	return notice{s: s, p: &w.topic.place, m: w.m, share: w.share, fate: f, again: w.share.buried.Swap(true)}
}

// warnLocked reports that the consumer does not keep up.
func (s *subscriber) warnLocked() {
	s.b.log.Warn("consumer has twice its prefetch limit pending, without an ack; it appears to be slow",
		"consumer", s.info.ID.String(), "destination", s.info.Destination.String(), "client", s.conn.info.ClientIP)
}

func (s *subscriber) deliverLocked(t *topic, m *message.Message) {
	if s.prefetch == 0 {
		s.extension--
	}
	if s.inflight.n == 0 {
		s.pace.moved()
	}
	s.inflight.push(m, t)
	s.delivered++
	t.stats.dispatched.Add(1)
	t.stats.inflight.Add(1)
	if t.watched {
		t.goes(m, s.info.ID)
	}
	s.peer.Deliver(message.Delivery{
		Consumer:          s.info.ID,
		Destination:       t.dest,
		Message:           m,
		RedeliveryCounter: m.RedeliveryCounter,
	})
}

// drain delivers what waits, as far as there is credit.
func (s *subscriber) drain() {
	var late share
	s.mu.Lock()
	for s.waiting.n > 0 && s.creditLocked() > 0 && s.b.mayServe() && !s.hold.heldLocked() {
		w := s.waiting.pop()
		if w.m.Expiration > 0 && w.m.Expired(s.b.nowMS()) {
			late.note(s.letGo(w, expired))
			continue
		}
		w.share.drop()
		s.deliverLocked(w.topic, w.m)
	}
	s.refillLocked()
	s.mu.Unlock()
	late.tell(s.b)
}

// acknowledge takes what was delivered as consumed. What was never delivered,
// or is acknowledged already, changes nothing. (ActiveMQ:
// TopicSubscription.acknowledge)
func (s *subscriber) acknowledge(t *transaction, a *message.Ack, _ bool, done func(error)) {
	s.pace.moved()
	switch a.Type {
	case message.StandardAck, message.IndividualAck:
		if t != nil {
			if a.Type == message.IndividualAck {
				s.expand(1)
			}
			done(t.acknowledgeTopic(s, a))
			return
		}
		s.settle(a)
	case message.PoisonAck:
		if t != nil {
			done(failure(ErrAcknowledge, "Poison ack cannot be transacted: consumer %s, message %s", s.info.ID, a.Last))
			return
		}
		s.settle(a)
	case message.ExpiredAck:
		s.settle(a)
	case message.DeliveredAck:
		s.expand(int(a.Count))
	case message.RedeliveredAck, message.UnmatchedAck:
		done(nil)
		return
	default:
		done(failure(ErrAcknowledge, "Invalid acknowledgment type %d", a.Type))
		return
	}
	s.drain()
	done(nil)
}

// settle takes what a covers as consumed.
func (s *subscriber) settle(a *message.Ack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lapsed := a.Type == message.ExpiredAck
	count := s.inflight.remove(a, func(t *topic, n int64) {
		t.stats.inflight.Add(-n)
		t.stats.dequeued.Add(n)
		if lapsed {
			t.stats.expired.Add(n)
		}
	})
	if s.extend && s.prefetch != 0 {
		s.extension = min(max(0, s.extension-count), s.inflight.n)
	}
}

func (s *subscriber) expand(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extend && s.prefetch != 0 {
		s.extension = min(s.extension+max(count, 0), s.inflight.n)
	}
}

func (s *subscriber) setPrefetch(n int32) {
	s.mu.Lock()
	s.prefetch = clampPrefetch(n)
	s.mu.Unlock()
	s.drain()
}

func (s *subscriber) pull(p *message.Pull) error {
	s.mu.Lock()
	if s.prefetch != 0 || s.closed {
		s.mu.Unlock()
		return nil
	}
	s.extension = 1
	before := s.delivered
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if p.TimeoutMS > 0 {
		s.timer = time.AfterFunc(time.Duration(min(p.TimeoutMS, maxPullMS))*time.Millisecond, func() { s.expirePull(before) })
	}
	s.mu.Unlock()
	s.drain()
	if p.TimeoutMS < 0 {
		s.expirePull(before)
	}
	return nil
}

func (s *subscriber) expirePull(before int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.delivered == before && !s.closed && s.prefetch == 0 {
		s.extension = 0
		s.peer.Deliver(message.Delivery{Consumer: s.info.ID})
	}
}

func (s *subscriber) join(t *topic) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || slices.Contains(s.topics, t) {
		return false
	}
	s.topics = append(s.topics, t)
	return true
}

// leave forgets a topic that was removed.
func (s *subscriber) leave(t *topic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.topics, t); i >= 0 {
		s.topics = slices.Delete(s.topics, i, i+1)
	}
}

func (s *subscriber) close(int64) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	topics := s.topics
	s.topics = nil
	for s.waiting.n > 0 {
		s.waiting.pop().share.drop()
	}
	s.overflow.close(s.b)
	tally(s.inflight.list[s.inflight.head:], func(t *topic, n int64) { t.stats.inflight.Add(-n) })
	s.inflight = marks{}
	s.pace.recover()
	s.mu.Unlock()
	for _, t := range topics {
		t.ignore(s)
	}
}

// contract takes back what expand has given, after a rollback.
func (s *subscriber) contract(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extension = max(0, s.extension-max(count, 0))
}
