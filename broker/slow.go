package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
)

// pace is how a consumer keeps up. (ActiveMQ: AbstractSubscription)
type pace struct {
	patrols *patrols
	slow    atomic.Bool  // more waits than the consumer takes
	turns   atomic.Int32 // times that it turned slow
	since   atomic.Int64 // when it last acknowledged, or was given something after having had nothing, ns since 1970
}

func (p *pace) begin(b *Broker) {
	p.patrols = &b.patrols
	p.since.Store(b.now().UnixNano())
}

// slacken reports whether the consumer has turned slow by this.
func (p *pace) slacken() bool {
	if !p.slow.CompareAndSwap(false, true) {
		return false
	}
	p.turns.Add(1)
	return true
}

func (p *pace) recover() {
	if p.slow.Load() {
		p.slow.Store(false)
	}
}

// moved notes that the consumer acknowledges, or begins to have something to
// acknowledge, if anybody wants to know.
func (p *pace) moved() {
	if p.patrols.watching.Load() {
		p.since.Store(p.patrols.b.now().UnixNano())
	}
}

// paced is a consumer that can be slow.
type paced interface {
	subscription
	tempo() *pace
	// load is how many messages it has not acknowledged, and whether it has
	// ended.
	load() (n int, closed bool)
	connection() *Connection
}

func (s *subscriber) tempo() *pace            { return &s.pace }
func (s *subscriber) connection() *Connection { return s.conn }

func (s *subscriber) load() (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inflight.n, s.closed
}

func (c *consumer) tempo() *pace            { return &c.pace }
func (c *consumer) connection() *Connection { return c.conn }

// full reports whether c has been given as much as it may have. (ActiveMQ:
// PrefetchSubscription.dispatchPending; what makes a queue's consumer slow
// there is a backlog of its own, which a queue gives it never more of than it
// takes. So only durable subscribers turn slow by this.)
func (c *consumer) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed && c.prefetch > 0 && !c.b.paused.Load() && c.prefetch+c.extension <= c.inflight.n
}

func (c *consumer) load() (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inflight.n, c.closed
}

// patrols are the slow consumer strategies in use, one for each that differs.
type patrols struct {
	b        *Broker
	watching atomic.Bool // somebody looks at when consumers acknowledge

	mu  sync.Mutex
	all map[SlowConsumer]*patrol // mu; as many as the configuration has
}

// patrol ends the consumers that one strategy finds too slow. (ActiveMQ:
// AbortSlowConsumerStrategy, AbortSlowAckConsumerStrategy)
type patrol struct {
	b    *Broker
	rule SlowConsumer

	mu      sync.Mutex
	records map[paced]*record // mu; of those that are slow
}

// record is what is known of a slow consumer. (ActiveMQ: SlowConsumerEntry)
type record struct {
	count int64 // times that it was found slow
	last  int32 // pace.turns when it was counted last: once for all of its destinations
	marks int64 // checks at which it was slow
	turns int32 // pace.turns when it was looked at
}

func (ps *patrols) init(b *Broker) {
	ps.b = b
	ps.all = map[SlowConsumer]*patrol{}
}

// begin starts the patrol of a place's strategy, if there is one.
func (ps *patrols) begin(rule SlowConsumer) {
	if rule.Abort == AbortNone || ps.b.stopping.Load() {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.all[rule] != nil {
		return
	}
	if rule.Abort == AbortSlowAck {
		ps.watching.Store(true)
	}
	p := &patrol{b: ps.b, rule: rule, records: map[paced]*record{}}
	ps.all[rule] = p
	ps.b.run(p.walk)
}

// slow takes note of a consumer that has turned slow at a place.
func (ps *patrols) slow(s subscription, at *place) {
	rule := at.policy.SlowConsumer
	c, ok := s.(paced)
	if !ok || rule.Abort != AbortSlow || rule.MaxCount < 0 && rule.MaxDuration < 0 {
		return
	}
	ps.mu.Lock()
	p := ps.all[rule]
	ps.mu.Unlock()
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	turns := c.tempo().turns.Load()
	if r := p.records[c]; r == nil {
		p.records[c] = &record{count: 1, last: turns, turns: turns}
	} else if r.last != turns {
		r.count++
		r.last = turns
	}
}

// leastPeriod bounds how often consumers are looked at.
const leastPeriod = 10 * time.Millisecond

func (p *patrol) walk() {
	ticker := time.NewTicker(max(p.rule.CheckPeriod, leastPeriod))
	defer ticker.Stop()
	for {
		select {
		case <-p.b.stop:
			return
		case <-ticker.C:
		}
		if p.b.stopping.Load() {
			continue
		}
		var guilty []paced
		if p.rule.Abort == AbortSlowAck {
			guilty = p.checkAcks()
		} else {
			guilty = p.check()
		}
		p.abort(guilty)
	}
}

// check looks at those who turned slow. One that has recovered in between is
// slow from anew, where ActiveMQ sees no difference.
func (p *patrol) check() (guilty []paced) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c, r := range p.records {
		_, closed := c.load()
		if closed || p.spares(c) || !c.tempo().slow.Load() {
			delete(p.records, c)
			continue
		}
		if turns := c.tempo().turns.Load(); turns != r.turns {
			r.turns, r.marks = turns, 0
		}
		r.marks++
		if p.exceeds(r) {
			delete(p.records, c)
			guilty = append(guilty, c)
		}
	}
	return guilty
}

func (p *patrol) spares(c paced) bool {
	return p.rule.IgnoreNetwork && c.details().NetworkSubscription
}

func (p *patrol) exceeds(r *record) bool {
	return p.rule.MaxDuration > 0 && time.Duration(r.marks)*p.rule.CheckPeriod >= p.rule.MaxDuration ||
		p.rule.MaxCount > 0 && r.count >= p.rule.MaxCount
}

// checkAcks looks at all consumers of the strategy's destinations. A consumer
// that has had nothing to acknowledge is not late with the first message that
// it gets, as it is in ActiveMQ.
func (p *patrol) checkAcks() (guilty []paced) {
	if p.rule.MaxSinceAck < 0 {
		return nil
	}
	now := p.b.now().UnixNano()
	late := map[paced][]*place{}
	for _, t := range p.b.registry.all() {
		if t.base().policy.SlowConsumer != p.rule {
			continue
		}
		for _, c := range audience(t) {
			n, closed := c.load()
			if closed || p.spares(c) || n == 0 && p.rule.IgnoreIdle || now-c.tempo().since.Load() <= int64(p.rule.MaxSinceAck) {
				continue
			}
			late[c] = append(late[c], t.base())
		}
	}
	guilty, turned := p.judge(late)
	for _, c := range turned {
		for _, at := range late[c] {
			p.b.becameSlow(c, at)
		}
	}
	return guilty
}

// judge brings the records in line with who is late: guilty are those to end,
// turned those that have become slow.
func (p *patrol) judge(late map[paced][]*place) (guilty, turned []paced) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.records {
		if late[c] == nil {
			c.tempo().recover()
			delete(p.records, c)
		}
	}
	for c := range late {
		r := p.records[c]
		if r == nil {
			r = &record{}
			p.records[c] = r
		}
		r.count++
		r.marks++
		if c.tempo().slacken() {
			turned = append(turned, c)
		}
		if p.exceeds(r) {
			delete(p.records, c)
			guilty = append(guilty, c)
		}
	}
	return guilty, turned
}

// audience is the consumers of a destination.
func audience(t target) (list []paced) {
	switch t := t.(type) {
	case *queue:
		t.mu.Lock()
		defer t.mu.Unlock()
		for c := range t.rota.each {
			list = append(list, c)
		}
	case *topic:
		for _, l := range *t.subscribers.Load() {
			switch l := l.(type) {
			case *subscriber:
				list = append(list, l)
			case *feed:
				l.d.mu.Lock()
				if c := l.d.active; c != nil {
					list = append(list, c)
				}
				l.d.mu.Unlock()
			}
		}
	}
	return list
}

// abortPatience is how long a client has to close a consumer that it was told to.
const abortPatience = time.Second

// abort ends consumers, or the connections that they belong to.
func (p *patrol) abort(guilty []paced) {
	connections := map[*Connection]int{}
	for _, c := range guilty {
		if p.rule.AbortConnection {
			connections[c.connection()]++
			continue
		}
		p.b.log.Info("aborting slow consumer", "consumer", c.details().ID.String(), "destination", c.details().Destination.String())
		c.connection().abort(c.details().ID)
	}
	for c, n := range connections {
		p.b.log.Info("aborting connection with slow consumers", "connection", string(c.info.ID), "consumers", n)
		c.peer.Fail(failure(ErrTooSlow, "%d Consumers was slow too often (>%d) or too long (>%d): ",
			n, p.rule.MaxCount, p.rule.MaxDuration.Milliseconds()))
	}
}

// abort has the client close a consumer, and closes it here if that does not
// happen soon. What the client still says about it then is no error.
func (c *Connection) abort(id message.ConsumerID) {
	c.peer.CloseConsumer(id)
	time.AfterFunc(abortPatience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.usable() != nil || c.consumers[id] == nil {
			return
		}
		if c.aborted == nil {
			c.aborted = map[message.ConsumerID]bool{}
		}
		if len(c.aborted) < maxPerConnection {
			c.aborted[id] = true
		}
		c.dropConsumer(id, message.LastDeliveredUnknown)
	})
}

// wasAborted reports, once, that a consumer is gone for being slow. c.mu is
// held.
func (c *Connection) wasAborted(id message.ConsumerID) bool {
	if !c.aborted[id] {
		return false
	}
	delete(c.aborted, id)
	return true
}
