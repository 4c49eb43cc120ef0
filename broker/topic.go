package broker

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// topic gives each message to all its subscribers. Publishing takes no lock of
// the topic's: the list of subscribers is replaced, never changed.
type topic struct {
	place
	subscribers atomic.Pointer[[]listener] // written under mu
	keepers     atomic.Int32               // durable subscriptions, or about to be
	retention   retention

	order sync.Mutex // one message at a time, where the dispatch policy wants that; taken before a durable's and all after it
	turn  int        // order; who is first

	mu        sync.Mutex
	exposed   store.Segment // mu; what the store knows may have been delivered
	inherited store.Segment // mu; exposed at recovery
	exposing  bool          // mu
	exposure  []func(bool)  // mu; to be called with the outcome
	removed   bool          // mu
}

// listener takes a topic's messages: a subscriber, or a durable
// subscription's feed.
type listener interface {
	// hear takes m; op is its Add, done in the store, or nil. s is shared by
	// all who keep m in memory. The caller calls its tell afterwards.
	hear(t *topic, m *message.Message, op *store.Op, s *share)
	subscription() subscription
}

func (t *topic) share(m *message.Message) *share {
	return &share{usage: &t.usage, size: t.sizeOf(m)}
}

func newTopic(b *Broker, dest message.Destination) *topic {
	t := &topic{}
	t.place.init(b, dest)
	if dest.Name == advisoryMasterBroker {
		// (ActiveMQ: Topic.initialize)
		t.policy.Recovery, t.policy.AlwaysRetroactive = Recovery{Keep: KeepLast}, true
		t.retention.spare = &usage{flow: &b.flow}
	}
	t.retention.init(&t.place)
	t.subscribers.Store(new([]listener))
	if dest.Name == advisoryMasterBroker {
		b.advise.master(t)
	}
	return t
}

func (t *topic) base() *place { return &t.place }

// stores: only for durable subscriptions is a topic's message kept.
func (t *topic) stores(m *message.Message) bool {
	return m.Persistent && !t.dest.Kind.IsTemporary() && t.keepers.Load() > 0
}

func (t *topic) send(m *message.Message, sync bool, done func(error)) {
	if !t.stores(m) {
		t.arrive(m, nil)
		done(t.b.owned())
		return
	}
	if !t.begin() {
		t.b.sendOn(t, m, sync, done)
		return
	}
	t.b.began()
	u := store.Single(store.Op{Action: store.Add, Destination: t.dest, Message: m, Prioritized: t.policy.PrioritizedMessages}, sync, nil)
	u.Done = func(err error) {
		defer t.b.ended()
		if err == nil {
			t.arrive(m, &u.Ops[0])
		} else {
			t.refuse()
		}
		done(refusal(err))
	}
	t.b.store.Append(u)
}

func (t *topic) announce() bool { return t.begin() }
func (t *topic) refuse()        { t.adds.Add(-1) }

// arrive gives m to all subscribers.
func (t *topic) arrive(m *message.Message, op *store.Op) {
	t.stats.enqueued.Add(1)
	t.arrived(m)
	if t.policy.SendAdvisoryIfNoConsumers && !t.inUse() {
		t.b.advise.noConsumer(&t.place, m)
	}
	if op != nil {
		t.b.sawSegment(op.Segment)
		t.adds.Add(-1)
	}
	list := *t.subscribers.Load()
	if len(list) == 0 && op == nil && t.retired.Load() {
		t.b.arriveLate(t, m)
		return
	}
	owned := op != nil || t.b.owned() == nil
	s := (*share)(nil)
	if owned && t.retention.concerns(m) {
		s = t.share(m)
		m, list = t.retention.keep(t, m, s)
	}
	if len(list) == 0 || !owned {
		t.stats.discarded.Add(1)
		return
	}
	if s == nil {
		s = t.share(m)
	}
	t.spread(list, m, op, s)
	s.tell(t.b)
}

// whisper gives m to one subscriber alone.
func (t *topic) whisper(s *subscriber, m *message.Message) {
	sh := t.share(m)
	s.hear(t, m, nil, sh)
	sh.tell(t.b)
}

// listen adds a listener.
func (t *topic) listen(l listener) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.removed {
		return &MissingDestination{t.dest}
	}
	list := append(slices.Clone(*t.subscribers.Load()), l)
	t.subscribers.Store(&list)
	t.stats.consumers.Add(1)
	return nil
}

// ignore takes a listener away.
func (t *topic) ignore(l listener) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := *t.subscribers.Load()
	i := slices.Index(old, l)
	if i < 0 {
		return
	}
	list := slices.Delete(slices.Clone(old), i, i+1)
	t.subscribers.Store(&list)
	t.stats.consumers.Add(-1)
}

func (t *topic) attach(s subscription) error {
	switch s := s.(type) {
	case *subscriber:
		if err := t.mayConsume(s.conn); err != nil {
			return err
		}
		if !s.join(t) {
			return nil
		}
		if s.info.Retroactive || t.policy.AlwaysRetroactive {
			return t.listenBack(s)
		}
		return t.listen(s)
	case *durableWatch:
		s.durable.attachLater(t)
		return nil
	}
	return failure(ErrInvalidDestination, "%s is a topic", t.dest)
}

// listenBack adds a retroactive subscriber, which first gets what was kept.
func (t *topic) listenBack(s *subscriber) error {
	var late share
	err := t.retention.recount(true, func() error { return t.listen(s) }, func(m *message.Message, sh *share) {
		s.hear(t, m, nil, sh)
		late.join(sh)
	})
	late.tell(t.b)
	return err
}

// remind gives a retroactive durable subscription what was kept. (ActiveMQ:
// DurableTopicSubscription.activate)
func (t *topic) remind(f *feed) {
	if !t.retention.active.Load() {
		return
	}
	// What the store has for it already is not told again.
	entries, err := t.b.store.PageSubscription(nil, t.dest, f.d.key(), 0, 1, 1)
	_ = t.retention.recount(err == nil && len(entries) == 0, func() error { return nil }, func(m *message.Message, sh *share) {
		f.hear(t, m, nil, sh)
	})
}

func (t *topic) inUse() bool {
	return len(*t.subscribers.Load()) > 0
}

func (t *topic) dispose() {
	t.mu.Lock()
	t.removed = true
	list := *t.subscribers.Load()
	t.subscribers.Store(new([]listener))
	t.stats.consumers.Store(0)
	t.mu.Unlock()
	t.retention.close()
	for _, l := range list {
		switch l := l.(type) {
		case *subscriber:
			l.leave(t)
		case *feed:
			l.d.drop(l)
		}
	}
}

// drain delivers what waits for subscribers.
func (t *topic) drain() {
	for _, l := range *t.subscribers.Load() {
		if s, ok := l.(*subscriber); ok {
			s.drain()
		}
	}
}

// expose lets messages up to segment be delivered to durable subscribers:
// true if that is so already, else then is called with whether it has become
// so.
func (t *topic) expose(segment store.Segment, then func(bool)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if segment <= t.exposed {
		return true
	}
	t.exposure = append(t.exposure, then)
	if t.exposing {
		return false
	}
	t.exposing = true
	op := store.Op{Action: store.Expose, Destination: t.dest, Segment: segment}
	t.b.began()
	t.b.store.Append(store.Single(op, true, func(err error) {
		defer t.b.ended()
		t.mu.Lock()
		waiting := t.exposure
		t.exposure, t.exposing = nil, false
		if err == nil {
			t.exposed = max(t.exposed, segment)
		}
		t.mu.Unlock()
		for _, then := range waiting {
			then(err == nil)
		}
	}))
	return false
}
