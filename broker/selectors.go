package broker

import (
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// SelectorCache has a selectorAware virtual topic go by the selectors of
// consumers that are away, too. (ActiveMQ: SubQueueSelectorCacheBroker)
type SelectorCache struct {
	// Single keeps the newest selector of a queue alone, beside that of
	// consumers without one, which is forgotten when such a one goes.
	Single bool
	// IgnoreWildcards keeps no selector whose LIKE has a wildcard.
	IgnoreWildcards bool
}

// selectorQueue is where selectors are stored, one message each, with the name
// of the queue and the selector as properties. So they are where the messages
// are, and fail over with them, where ActiveMQ has a file beside its store,
// written every ten minutes. Clients cannot use it.
var selectorQueue = message.NewQueue("Conclave.Selectors")

// Properties of a message of selectorQueue, both strings.
const (
	selectorDestination = "destination"
	selectorText        = "selector"
)

// everySelector stands for a consumer without one. (ActiveMQ:
// SubQueueSelectorCacheBroker.MATCH_EVERYTHING)
const everySelector = "TRUE"

// Bounds of what is kept. A queue that would exceed them gets every message.
const (
	maxSelectors    = 1024 // of one queue
	maxAllSelectors = 65536
)

// selectors are those of the consumers that queues have had.
type selectors struct {
	b        *Broker
	rule     *SelectorCache // fixed; nil: none are kept
	producer message.ProducerID
	serial   atomic.Int64

	mu     sync.RWMutex
	queues map[message.Destination]*keptSelectors // mu
	total  int                                    // mu
	unread bool                                   // mu; the store could not be read: every queue gets all
}

// keptSelectors are those of one queue. selectors.mu guards them.
type keptSelectors struct {
	all  map[string]*keptSelector
	full bool // there were too many: it gets everything
}

type keptSelector struct {
	filter Filter // nil: everything
	stored store.Op
	gone   bool // to be removed when it is stored
}

func (s *selectors) init(b *Broker) {
	s.b, s.rule = b, b.options.SelectorCache
	s.producer = message.ProducerID{Connection: message.ConnectionID(b.options.ID), Session: -1, Value: 5}
	s.queues = map[message.Destination]*keptSelectors{}
}

// recover takes up what an earlier master kept. It is little, and read at once.
func (s *selectors) recover(state *store.DestinationState) bool {
	if state.Destination != selectorQueue {
		return false
	}
	for after := store.Seq(0); s.rule != nil; {
		entries, err := s.b.store.Page(nil, selectorQueue, after, jobPage, jobPageBytes)
		if err != nil {
			s.b.log.Error("cannot read the selectors of queues; messages go to them whatever they want", "error", err)
			s.unread = true
			break
		}
		if len(entries) == 0 {
			break
		}
		for i := range entries {
			s.enter(&entries[i])
			after = entries[i].Seq
		}
	}
	return true
}

func (s *selectors) enter(e *store.Entry) {
	dest, _, errDest := e.Message.Property(selectorDestination)
	text, _, errText := e.Message.Property(selectorText)
	name, ok := dest.(string)
	selector, okText := text.(string)
	if errDest != nil || errText != nil || !ok || !okText {
		s.b.log.Error("a message is no selector", "queue", selectorQueue.Name, "message", e.Message.ID.String())
		return
	}
	filter, err := s.compile(selector)
	if err != nil {
		s.b.log.Error("a selector that was kept cannot be used", "destination", name, "selector", selector, "error", err)
		return
	}
	k := s.keepLocked(message.ParseDestination(name, message.Queue), selector, filter)
	if k != nil {
		k.stored = removalOf(e.Message.ID, e.Seq)
	}
}

func (s *selectors) compile(text string) (Filter, error) {
	if text == everySelector {
		return nil, nil
	}
	return s.b.parseSelector(text)
}

func removalOf(id message.MessageID, seq store.Seq) store.Op {
	return store.Op{Action: store.Remove, Destination: selectorQueue, ID: id, Seq: seq}
}

// keepLocked enters a selector that is new; nil if there are too many.
func (s *selectors) keepLocked(dest message.Destination, text string, filter Filter) *keptSelector {
	q := s.queues[dest]
	if q == nil {
		q = &keptSelectors{all: map[string]*keptSelector{}}
		s.queues[dest] = q
	}
	if len(q.all) >= maxSelectors || s.total >= maxAllSelectors {
		if !q.full {
			s.b.log.Warn("a queue has had consumers with too many selectors; it gets every message", "destination", dest.String(), "selectors", len(q.all))
		}
		q.full = true
		return nil
	}
	k := &keptSelector{filter: filter}
	q.all[text] = k
	s.total++
	return k
}

// dropLocked forgets a selector, and adds to u what that takes in the store.
func (s *selectors) dropLocked(q *keptSelectors, text string, u *store.Unit) {
	k := q.all[text]
	delete(q.all, text)
	s.total--
	if k.gone = true; k.stored.Seq != 0 {
		u.Ops = append(u.Ops, k.stored)
	}
}

// come remembers the selector of a consumer.
func (s *selectors) come(info *message.ConsumerInfo) {
	if s.rule == nil || info.Browser || info.Selector != "" && s.rule.IgnoreWildcards && hasWildcards(info.Selector) {
		return
	}
	for _, dest := range info.Destination.Parts() {
		if dest.Kind == message.Queue && !dest.IsPattern() {
			s.comeTo(dest, info.Selector)
		}
	}
}

func (s *selectors) comeTo(dest message.Destination, text string) {
	if text == "" {
		text = everySelector
	}
	filter, err := s.compile(text)
	if err != nil {
		return // its consumer was refused
	}
	s.mu.Lock()
	u := &store.Unit{}
	if q := s.queues[dest]; q != nil {
		if q.all[text] != nil {
			s.mu.Unlock()
			return
		}
		if s.rule.Single && text != everySelector {
			for other := range q.all {
				if other != everySelector {
					s.dropLocked(q, other, u)
				}
			}
		}
	}
	k := s.keepLocked(dest, text, filter)
	s.mu.Unlock()
	if k != nil {
		u.Ops = append(u.Ops, store.Op{Action: store.Add, Destination: selectorQueue, Message: s.record(dest, text)})
	}
	s.store(u, k)
}

// record is the message by which a selector is kept.
func (s *selectors) record(dest message.Destination, text string) *message.Message {
	properties, _ := message.AppendProperties(nil, message.Properties{ // strings can always be encoded
		{Name: selectorDestination, Value: dest.String()}, {Name: selectorText, Value: text},
	})
	now := s.b.nowMS()
	return &message.Message{
		Persistent: true, Priority: 4, Destination: selectorQueue, Producer: s.producer, Timestamp: now, BrokerInTime: now,
		ID:         message.MessageID{Producer: s.producer, ProducerSequence: s.serial.Add(1), BrokerSequence: s.b.sequence.Add(1)},
		Properties: properties,
	}
}

// store writes u, whose last operation adds k if that is not nil.
func (s *selectors) store(u *store.Unit, k *keptSelector) {
	if len(u.Ops) == 0 {
		return
	}
	s.b.began()
	u.Done = func(err error) {
		defer s.b.ended()
		if err != nil {
			s.b.log.Error("the selectors of a queue cannot be stored", "error", err)
			return
		}
		if k == nil {
			return
		}
		last := &u.Ops[len(u.Ops)-1]
		s.mu.Lock()
		k.stored = removalOf(last.Message.ID, last.Seq)
		gone := k.gone
		s.mu.Unlock()
		if gone {
			s.b.store.Append(store.Single(k.stored, false, nil))
		}
	}
	s.b.store.Append(u)
}

// leave is for a consumer that goes.
func (s *selectors) leave(info *message.ConsumerInfo) {
	if s.rule == nil || !s.rule.Single || info.Selector != "" || info.Browser {
		return
	}
	for _, dest := range info.Destination.Parts() {
		s.mu.Lock()
		u := &store.Unit{}
		if q := s.queues[dest]; q != nil && len(q.all) > 1 && q.all[everySelector] != nil {
			s.dropLocked(q, everySelector, u)
		}
		s.mu.Unlock()
		s.store(u, nil)
	}
}

// attract reports whether a consumer that the queue has had would want m.
func (s *selectors) attract(dest message.Destination, m *message.Message) bool {
	if s.rule == nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := s.queues[dest]
	if s.unread || q != nil && q.full {
		return true
	}
	if q == nil {
		return false
	}
	for _, k := range q.all {
		if k.filter == nil || k.filter.Match(m, m.RedeliveryCounter) {
			return true
		}
	}
	return false
}

// hasWildcards reports whether a selector has a LIKE with a wildcard that is
// not escaped. (ActiveMQ: SubQueueSelectorCacheBroker.WildcardFinder)
func hasWildcards(selector string) bool {
	like := regexp.MustCompile(`(?is)\bLIKE\s+'((?:[^']|'')*)'(?:\s+ESCAPE\s+'(.)')?`)
	for _, m := range like.FindAllStringSubmatch(selector, -1) {
		pattern, escape := m[1], m[2]
		if escape != "" {
			pattern = regexp.MustCompile(`(?s)`+regexp.QuoteMeta(escape)+`.`).ReplaceAllString(pattern, "")
		}
		if strings.ContainsAny(pattern, "_%") {
			return true
		}
	}
	return false
}
