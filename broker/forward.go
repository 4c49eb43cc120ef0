package broker

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
)

// Forwarding is what a bridge's consumer adds to an ordinary one.
type Forwarding struct {
	Broker message.BrokerID // the far end
	Name   string           // its brokerName
	// MessageTTL and ConsumerTTL bound the hops of messages and of advisories
	// about consumers; -1 does not.
	MessageTTL, ConsumerTTL int
	// Direct reports whether consumers of the far broker's own want the messages,
	// not those of brokers behind it alone. It takes no lock.
	Direct func() bool
	// Permits reports whether messages of a destination may pass, of those that
	// a pattern covers; nil: all.
	Permits func(message.Destination) bool
}

// forward decides what a bridge's consumer gets. (ActiveMQ: NetworkBridgeFilter,
// ConditionalNetworkBridgeFilter)
//
// A queue's message that has come from the far broker stays here in ActiveMQ,
// for ever if its consumer has moved, unless a policy says otherwise. Here it
// goes back when nobody here wants it and it cannot go on to a third broker,
// and only to consumers of the far broker's own. That broker does not send it
// here again as long as it has these; so it does not go to and fro.
type forward struct {
	Forwarding
	b      *Broker
	policy *BridgePolicy // nil: what is said above

	mu    sync.Mutex
	until time.Time   // mu; the end of the present RateDuration
	count int         // mu; what has gone in it
	timer *time.Timer // mu; starts dispatch again
	late  atomic.Bool // a message waits for its ReplayDelay
	ended bool        // mu
}

// AddForwarder is AddConsumer for a bridge that passes messages on.
func (c *Connection) AddForwarder(info *message.ConsumerInfo, f Forwarding) error {
	policy := c.b.policy(info.Destination)
	return c.addConsumer(info, &forward{Forwarding: f, b: c.b, policy: policy.Bridge})
}

// mostHops bounds the brokers that a message remembers to have been at.
const mostHops = 256

// visited reports whether m has been at the far broker, in this or an earlier
// life of its.
func (f *forward) visited(m *message.Message) bool {
	return slices.ContainsFunc(m.BrokerPath, func(id message.BrokerID) bool {
		return id == f.Broker || f.b.peers.name(id) == f.Name && f.Name != ""
	})
}

// passes is the rule without regard to who else is there.
func (f *forward) passes(m *message.Message) bool {
	if f.Permits != nil && !f.Permits(m.Destination) {
		return false
	}
	if f.MessageTTL > -1 && f.hops(m) >= f.MessageTTL || f.visited(m) {
		return false
	}
	return !m.Destination.IsAdvisory() || f.passesAdvisory(m)
}

// hops is how far m is from where it was sent: to come back to a broker undoes
// the hops since. (ActiveMQ counts each hop)
func (f *forward) hops(m *message.Message) int {
	if len(m.BrokerPath) < 2 {
		return len(m.BrokerPath)
	}
	var way []message.BrokerID
	for _, id := range append(slices.Clone(m.BrokerPath), f.b.options.ID) {
		if i := slices.IndexFunc(way, func(o message.BrokerID) bool { return f.b.peers.same(o, id) }); i >= 0 {
			way = way[:i]
		}
		way = append(way, id)
	}
	return len(way) - 1
}

// passesAdvisory keeps to themselves what bridges act on: the far broker's bridge
// would take what it is told of consumers here for its own consumers. See
// NetworkBridgeFilter of ActiveMQ.
func (f *forward) passesAdvisory(m *message.Message) bool {
	if interpreted(m.Destination.Name) {
		return false
	}
	switch info := m.DataStructure.(type) {
	case *message.ConsumerInfo:
		n := len(info.BrokerPath)
		return (f.ConsumerTTL < 0 || n < f.ConsumerTTL) && !slices.Contains(info.BrokerPath, f.Broker)
	}
	return true
}

// interpreted reports whether bridges act on the advisories of a topic. (ActiveMQ:
// NetworkBridgeFilter.isAdvisoryInterpretedByNetworkBridge)
func interpreted(topic string) bool {
	return strings.HasPrefix(topic, advisoryConsumer) || strings.HasPrefix(topic, advisoryVirtualConsumer) ||
		topic == advisoryTempQueue || topic == advisoryTempTopic
}

// want reports whether c wants m, given who else is there. It is wants with
// the rules of bridges.
func (t *rota) want(c *consumer, m *message.Message, redeliveries int32) bool {
	if !c.wants(m, redeliveries) {
		return false
	}
	f := c.forward
	return f == nil || f.passes(m) || f.visited(m) && (f.Permits == nil || f.Permits(m.Destination)) && f.returns(t, c, m)
}

// returns reports whether m may go back to a broker that it was at.
func (f *forward) returns(t *rota, c *consumer, m *message.Message) bool {
	p := f.policy
	if p == nil && !f.Direct() || p != nil && !p.ReplayWhenNoConsumers || len(m.BrokerPath) >= mostHops {
		return false
	}
	for o := range t.members {
		switch {
		case o.consumer == c:
		case o.forward == nil && !o.info.NetworkSubscription:
			if p == nil || !p.SelectorAware || o.wants(m, m.RedeliveryCounter) {
				return false
			}
		case p == nil && o.forward != nil && o.wants(m, m.RedeliveryCounter) && o.forward.passes(m):
			return false
		}
	}
	return p == nil || p.ReplayDelay == 0 || f.rested(c, m)
}

// rested reports whether m has been here for the ReplayDelay; else it is looked
// at again then.
func (f *forward) rested(c *consumer, m *message.Message) bool {
	wait := f.policy.ReplayDelay - time.Duration(f.b.nowMS()-m.BrokerInTime)*time.Millisecond
	if wait < 0 {
		return true
	}
	if f.late.CompareAndSwap(false, true) {
		f.after(wait+time.Millisecond, func() {
			f.late.Store(false)
			c.reconsider()
		})
	}
	return false
}

// after calls g once, unless the consumer has ended.
func (f *forward) after(d time.Duration, g func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.timer = time.AfterFunc(d, g)
	}
}

func (f *forward) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	if f.timer != nil {
		f.timer.Stop()
	}
}

// mayGo reports whether the rate allows another message now.
func (f *forward) mayGo(c *consumer) bool {
	p := f.policy
	if p == nil || p.RateLimit == 0 {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.b.now()
	if now.After(f.until) {
		f.until, f.count = now.Add(p.RateDuration), 0
	}
	if f.count < p.RateLimit {
		return true
	}
	if !f.ended && f.count == p.RateLimit {
		f.count++ // the timer is set once
		f.timer = time.AfterFunc(f.until.Sub(now)+time.Millisecond, c.kick)
	}
	return false
}

// goes counts a message.
func (f *forward) goes() {
	if f.policy == nil || f.policy.RateLimit == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
}

// reconsider looks anew at what c did not want.
func (c *consumer) reconsider() {
	c.mu.Lock()
	homes := c.homes
	c.mu.Unlock()
	for _, h := range homes {
		if q, ok := h.(*queue); ok {
			q.mu.Lock()
			q.rejoinLocked(c)
			q.dispatchLocked()
			q.release()
		}
	}
}

// reconsiderLocked has bridges look anew at what they did not want, because c
// came or left.
func (q *queue) reconsiderLocked(c *consumer) {
	if q.seek == nil {
		return
	}
	for o := range q.rota.each {
		if o != c && o.forward != nil {
			q.rejoinLocked(o)
		}
	}
}

func (q *queue) rejoinLocked(c *consumer) {
	if q.seek != nil && q.seek.readers[c] != nil {
		q.seek.leave(c)
		q.seek.join(c)
		q.rota.change()
	}
}
