package broker

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
)

// Properties of a message that a topic is to keep, and of one that it has
// kept. (ActiveMQ: RetainedMessageSubscriptionRecoveryPolicy)
const (
	propertyRetain   = "ActiveMQ.Retain"
	propertyRetained = "ActiveMQ.Retained"
)

// retention is what a topic keeps for retroactive consumers: by its policy,
// and the last message that asked for it. It is memory alone, as in ActiveMQ,
// and gone after a restart. What is kept counts as the topic's memory; all
// that is kept may take a quarter of the broker's memory, and of the topic's
// limit if it has one, so that it never stops a producer by itself: beyond
// that less is kept. (ActiveMQ: SubscriptionRecoveryPolicy)
type retention struct {
	place  *place
	active atomic.Bool // there is a policy, or something is retained
	spare  *usage      // of the broker's own last word, which is no load of clients'; else nil

	mu       sync.Mutex // taken before a durable's and all after it
	retained *keepsake  // mu
	list     []keepsake // mu; the oldest first
	bytes    int64      // mu; of list
	timer    *time.Timer
	over     bool // mu; the topic is gone
}

// keepsake is a message that is kept.
type keepsake struct {
	m     *message.Message
	share *share
	at    time.Time
}

// keptShare is the part of memory that may be kept.
const keptShare = 4

func (r *retention) init(p *place) {
	r.place = p
	r.active.Store(p.policy.Recovery.Keep != KeepNothing)
}

// concerns reports whether m, or messages like it, may be kept.
func (r *retention) concerns(m *message.Message) bool {
	return r.active.Load() || len(m.Properties) > 0 && bytes.Contains(m.Properties, []byte(propertyRetain)) && retains(m)
}

// retains reports whether m asks to be kept.
func retains(m *message.Message) bool {
	v, ok, err := m.Property(propertyRetain)
	if err != nil || !ok {
		return false
	}
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	}
	return false
}

// keep keeps m as far as it is to be kept, and returns it as it goes to those
// who listen then. s is m's share.
func (r *retention) keep(t *topic, m *message.Message, s *share) (*message.Message, []listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(m.Properties) > 0 && retains(m) {
		m = r.retain(m)
	}
	if rule := &r.place.policy.Recovery; rule.Keep != KeepNothing && !r.over {
		if r.spare != nil {
			s = &share{usage: r.spare, size: m.Size()}
		}
		s.keep()
		r.place.b.kept.Add(m.Size())
		r.list = append(r.list, keepsake{m, s, r.place.b.now()})
		r.bytes += m.Size()
		r.trimLocked(rule)
		if rule.Keep == KeepTime && r.timer == nil && len(r.list) > 0 {
			r.timer = time.AfterFunc(rule.For, r.lapse)
		}
	}
	return m, *t.subscribers.Load()
}

// retain makes m the retained message, or clears that if m has no content,
// and returns m without the wish.
func (r *retention) retain(m *message.Message) *message.Message {
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		return m
	}
	properties = properties.Remove(propertyRetain)
	plain := m.Copy()
	if plain.Properties, err = message.AppendProperties(nil, properties); err != nil {
		return m
	}
	if r.retained != nil {
		r.forget(r.retained)
		r.retained = nil
	}
	kept := m.Copy()
	kept.Properties, err = message.AppendProperties(nil, properties.Set(propertyRetained, true))
	if err != nil || len(m.Content) == 0 || r.over {
		return plain
	}
	k := &keepsake{m: kept, share: &share{usage: &r.place.usage, size: kept.Size()}, at: r.place.b.now()}
	k.share.keep()
	r.place.b.kept.Add(kept.Size())
	if r.exceeds(kept.Size()) {
		r.place.b.log.Warn("message is not retained: too much memory is kept already", "topic", r.place.dest.Name)
		r.forget(k)
		return plain
	}
	r.retained = k
	r.active.Store(true)
	return plain
}

// exceeds reports whether more is kept than may be, n bytes of it here.
func (r *retention) exceeds(n int64) bool {
	u := &r.place.usage
	return r.place.b.kept.Load() > u.parent.limit/keptShare || u.limit > 0 && n > u.limit/keptShare
}

// trimLocked drops what is too much or too old.
func (r *retention) trimLocked(rule *Recovery) {
	n := 0
	for ; n < len(r.list); n++ {
		k := &r.list[n]
		if left := len(r.list) - n; !r.exceeds(r.bytes) &&
			!(rule.Keep == KeepLast && left > 1) &&
			!(rule.Keep == KeepCount && left > rule.Count) &&
			!(rule.Keep == KeepBytes && r.bytes > rule.Bytes) &&
			!(rule.Keep == KeepTime && r.place.b.now().Sub(k.at) > rule.For) {
			break
		}
		r.bytes -= k.m.Size()
		r.forget(k)
		*k = keepsake{}
	}
	r.list = r.list[n:]
}

// forget gives the memory of a keepsake back.
func (r *retention) forget(k *keepsake) {
	r.place.b.kept.Add(-k.m.Size())
	k.share.drop()
}

// lapse drops what has become too old.
func (r *retention) lapse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	rule := &r.place.policy.Recovery
	r.trimLocked(rule)
	if len(r.list) == 0 {
		r.timer = nil
		return
	}
	r.timer.Reset(max(rule.For-r.place.b.now().Sub(r.list[0].at), 0) + time.Millisecond)
}

// recount gives what is kept to a new listener: what was retained, and, if
// all is true, what the policy keeps, but nothing twice. Messages that go to others meanwhile
// wait until begin, which has the listener listen, has returned.
func (r *retention) recount(all bool, begin func() error, each func(*message.Message, *share)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := begin(); err != nil {
		return err
	}
	if r.retained != nil {
		r.recall(r.retained, each)
	}
	if !all {
		return nil
	}
	r.trimLocked(&r.place.policy.Recovery)
	for i := range r.list {
		if r.retained == nil || r.list[i].m.ID != r.retained.m.ID {
			r.recall(&r.list[i], each)
		}
	}
	return nil
}

// recall passes a keepsake on with a share of its own, since its own one
// belongs to who publishes.
func (r *retention) recall(k *keepsake, each func(*message.Message, *share)) {
	if !k.m.Expired(r.place.b.nowMS()) {
		each(k.m, &share{usage: &r.place.usage, size: k.m.Size()})
	}
}

// close forgets everything.
func (r *retention) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.retained != nil {
		r.forget(r.retained)
		r.retained = nil
	}
	for i := range r.list {
		r.forget(&r.list[i])
	}
	r.list, r.bytes = nil, 0
}
