package broker

import (
	"slices"
	"sync"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// subscriber is a topic consumer that is not durable. What it cannot take at
// once waits in memory. Deliveries are counted, not remembered: nothing is
// ever redelivered. (ActiveMQ: TopicSubscription)
type subscriber struct {
	b      *Broker
	conn   *Connection
	peer   Peer
	info   message.ConsumerInfo
	filter Filter
	extend bool
	limit  int // of waiting beyond the credit; -1 none

	mu        sync.Mutex
	topics    []*topic // mu
	waiting   backlog  // mu
	inflight  int      // mu; delivered and not acknowledged
	prefetch  int      // mu
	extension int      // mu
	delivered int64    // mu
	closed    bool     // mu
	hold      hold     // mu
	timer     *time.Timer
	warned    bool // mu; of being slow
}

// waiter is a message that waits for a subscriber.
type waiter struct {
	m     *message.Message
	topic *topic
	share *share
}

// backlog is a ring of waiters.
type backlog struct {
	ring []waiter
	head int
	n    int
}

func (q *backlog) push(w waiter) {
	if q.n == len(q.ring) {
		grown := make([]waiter, max(16, 2*len(q.ring)))
		for i := range q.n {
			grown[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.n)%len(q.ring)] = w
	q.n++
}

func (q *backlog) pop() waiter {
	w := q.ring[q.head]
	q.ring[q.head] = waiter{}
	q.head = (q.head + 1) % len(q.ring)
	if q.n--; q.n == 0 && len(q.ring) > 1024 {
		q.ring, q.head = nil, 0
	}
	return w
}

func (s *subscriber) details() *message.ConsumerInfo { return &s.info }
func (s *subscriber) subscription() subscription     { return s }

func (s *subscriber) wants(m *message.Message) bool {
	if m.TargetConsumer != (message.ConsumerID{}) && m.TargetConsumer != s.info.ID {
		return false
	}
	if s.info.NoLocal && m.ID.Producer.Connection == s.info.ID.Connection {
		return false
	}
	return s.filter == nil || s.filter.Match(m)
}

func (s *subscriber) creditLocked() int {
	switch {
	case s.closed:
		return 0
	case s.prefetch == 0:
		return s.extension
	}
	return s.prefetch + s.extension - s.inflight
}

// hear delivers m, or lets it wait.
func (s *subscriber) hear(t *topic, m *message.Message, _ *store.Op, sh *share) {
	if !s.wants(m) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
	case s.waiting.n == 0 && s.creditLocked() > 0 && !s.b.stopping.Load() && !s.hold.heldLocked():
		s.deliverLocked(t, m)
	case s.limit == 0 && s.creditLocked() <= 0:
		t.stats.discarded.Add(1)
	default:
		sh.keep()
		s.waiting.push(waiter{m, t, sh})
		if s.limit >= 0 && s.waiting.n-max(0, s.creditLocked()) > s.limit {
			s.discardLocked()
		}
		s.warnLocked()
	}
}

func (s *subscriber) discardLocked() {
	w := s.waiting.pop()
	w.share.drop()
	w.topic.stats.discarded.Add(1)
}

// warnLocked reports once that the consumer does not keep up.
func (s *subscriber) warnLocked() {
	if s.warned || s.prefetch <= 1 || s.waiting.n <= s.prefetch {
		return
	}
	s.warned = true
	s.b.log.Warn("consumer has twice its prefetch limit pending, without an ack; it appears to be slow",
		"consumer", s.info.ID.String(), "destination", s.info.Destination.String(), "client", s.conn.info.ClientIP)
}

func (s *subscriber) deliverLocked(t *topic, m *message.Message) {
	if s.prefetch == 0 {
		s.extension--
	}
	s.inflight++
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
	var expired []waiter
	s.mu.Lock()
	for s.waiting.n > 0 && s.creditLocked() > 0 && s.b.mayServe() && !s.hold.heldLocked() {
		w := s.waiting.pop()
		w.share.drop()
		if w.m.Expiration > 0 && w.m.Expired(s.b.nowMS()) {
			expired = append(expired, w)
			continue
		}
		s.deliverLocked(w.topic, w.m)
	}
	s.mu.Unlock()
	for _, w := range expired {
		s.b.expireArrival(&w.topic.place, w.m, func(error) {})
	}
}

// acknowledge counts. (ActiveMQ: TopicSubscription.acknowledge)
func (s *subscriber) acknowledge(t *transaction, a *message.Ack, _ bool, done func(error)) {
	count := int(a.Count)
	switch a.Type {
	case message.StandardAck, message.IndividualAck:
		if t != nil {
			if a.Type == message.IndividualAck {
				s.expand(1)
			}
			done(t.acknowledgeTopic(s, count))
			return
		}
		s.settle(count)
	case message.PoisonAck:
		if t != nil {
			done(failure(ErrAcknowledge, "Poison ack cannot be transacted: consumer %s, message %s", s.info.ID, a.Last))
			return
		}
		s.settle(count)
	case message.ExpiredAck:
		s.settle(count)
	case message.DeliveredAck:
		s.expand(count)
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

// settle takes count messages as consumed; a count that cannot be is cut.
func (s *subscriber) settle(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count = min(max(count, 0), s.inflight)
	s.inflight -= count
	if s.extend && s.prefetch != 0 {
		s.extension = max(0, s.extension-count)
	}
	if len(s.topics) > 0 {
		p := &s.topics[0].stats // of a pattern's topics, the first stands for all
		p.inflight.Add(int64(-count))
		p.dequeued.Add(int64(count))
	}
}

func (s *subscriber) expand(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extend && s.prefetch != 0 {
		s.extension = min(s.extension+max(count, 0), s.inflight)
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
	if len(topics) > 0 {
		topics[0].stats.inflight.Add(int64(-s.inflight))
	}
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
