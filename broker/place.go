package broker

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// place is what queues and topics have in common.
type place struct {
	b        *Broker
	dest     message.Destination
	policy   Policy
	usage    usage
	space    space
	stats    counters
	lot      lot                  // sends that wait for memory
	owner    message.ConnectionID // of a temporary destination, else ""
	warned   atomic.Int64         // when the log last said that producers wait, ns since 1970
	searched atomic.Int64         // when it was last searched for expired messages, ns since 1970
	graves   atomic.Bool          // dead letters have come here

	watched bool    // fixed: goes is to be called
	timing  *timing // fixed: what the statistics plugin measures, or nil

	adds    atomic.Int64 // Adds that are on their way through the store
	retired atomic.Bool  // it is being removed; see retire
	emptied atomic.Bool  // the removal is done in the store
	visits  atomic.Int64 // consumers and producers that came
	rest    rest         // since when nobody has used it
}

func (p *place) init(b *Broker, dest message.Destination) {
	p.b, p.dest, p.policy = b, dest, b.policy(dest)
	p.graves.Store(dest == p.policy.DeadLetter.Queue)
	p.searched.Store(b.now().UnixNano())
	p.usage.limit, p.usage.parent, p.usage.flow = p.policy.MemoryLimit, b.heard, &b.flow
	if dest.Kind.IsQueue() {
		p.usage.parent = b.queued
	}
	p.initSpace()
	b.patrols.begin(p.policy.SlowConsumer)
	if dest.Kind.IsTemporary() {
		p.owner = ownerOf(dest)
	}
	if b.options.Statistics != nil {
		p.timing = &timing{}
	}
	p.watched = p.timing != nil || p.policy.AdvisoryForDispatched
}

// arrived is called under no lock when m has become visible at p.
func (p *place) arrived(m *message.Message) {
	if p.timing != nil {
		p.timing.arrive(m.Size())
	}
	if p.policy.AdvisoryForDelivery {
		p.b.advise.delivered(p, m)
	}
}

// goes is called when m is delivered, if p is watched, under the consumer's
// lock.
func (p *place) goes(m *message.Message, to message.ConsumerID) {
	if p.timing != nil {
		p.timing.leave(p.b.nowMS() - m.BrokerInTime)
	}
	if p.policy.AdvisoryForDispatched {
		p.b.advise.later(departure{p, m, to})
	}
}

// left is called under no lock when m has left p for good.
func (p *place) left(m *message.Message) {
	if p.policy.AdvisoryForConsumed {
		p.b.advise.consumed(p, m)
	}
}

// ownerOf reads the connection out of the name of a temporary destination,
// "ID:host-port-time-n:m:k". (ActiveMQ: ActiveMQTempDestination)
func ownerOf(dest message.Destination) message.ConnectionID {
	if i := strings.LastIndexByte(dest.Name, ':'); i > 0 {
		return message.ConnectionID(dest.Name[:i])
	}
	return ""
}

// target is a destination that messages are sent to.
type target interface {
	base() *place
	// stores reports whether m is to be kept in the store.
	stores(m *message.Message) bool
	// send stores m if it must be and makes it visible. done is called once.
	send(m *message.Message, sync bool, done func(error))
	// announce says that an Add to this destination is about to be appended
	// outside send; arrive or refuse follows. False is that it is being removed
	// and that nothing is to be appended; see Broker.successor.
	announce() bool
	// arrive makes m visible. op is its Add, done in the store, or nil.
	arrive(m *message.Message, op *store.Op)
	// refuse says that an announced Add failed.
	refuse()
	// attach adds a consumer, detach ends it.
	attach(s subscription) error
	// inUse reports whether it has consumers.
	inUse() bool
	// retire says that it is about to be removed, unless it is in use. The
	// registry is locked.
	retire(unless use) bool
	// dispose forgets everything after the destination was removed from the
	// registry.
	dispose()
}

// registry holds the destinations, and the consumers that named patterns,
// which are attached to destinations as these come into being.
type registry struct {
	mu       sync.RWMutex                           // not held while another lock is taken, except by attaching to a destination that nobody else knows yet
	targets  map[message.Destination]target         // mu
	patterns map[subscription][]message.Destination // mu
	fed      fed                                    // mu
	peak     peak                                   // mu; of targets
	tallies  map[message.Destination]int            // mu; destinations that the pattern of a policy covers, where they are bounded
	version  atomic.Uint64                          // rises with every removal, and with every change of fed
}

func (g *registry) init() {
	g.targets = map[message.Destination]target{}
	g.patterns = map[subscription][]message.Destination{}
	g.fed = newFed()
	g.tallies = map[message.Destination]int{}
	g.version.Store(1) // no route was ever made for 0
}

func (g *registry) find(dest message.Destination) target {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.targets[dest]
}

func (g *registry) all() []target {
	g.mu.RLock()
	defer g.mu.RUnlock()
	list := make([]target, 0, len(g.targets))
	for _, t := range g.targets {
		list = append(list, t)
	}
	return list
}

// matching returns the destinations that pattern covers.
func (g *registry) matching(pattern message.Destination) []target {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var list []target
	for dest, t := range g.targets {
		if matches(pattern, dest) {
			list = append(list, t)
		}
	}
	return list
}

// wanted reports whether a consumer's pattern covers dest.
func (g *registry) wanted(dest message.Destination) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, patterns := range g.patterns {
		for _, pattern := range patterns {
			if matches(pattern, dest) {
				return true
			}
		}
	}
	return false
}

// insertLocked reports whether virtual topics feed t.
func (g *registry) insertLocked(t target) bool {
	dest := t.base().dest
	g.targets[dest] = t
	g.tallyLocked(dest, 1)
	if !g.fed.insert(t) {
		return false
	}
	g.version.Add(1)
	return true
}

func (g *registry) deleteLocked(t target) {
	dest := t.base().dest
	t.base().b.departed.add(t.base())
	delete(g.targets, dest)
	g.targets = shrunk(g.targets, &g.peak)
	g.fed.remove(t)
	g.tallyLocked(dest, -1)
	g.version.Add(1)
}

// watch attaches s to all destinations that pattern covers, now and later.
// It returns the ones that are there.
func (g *registry) watch(s subscription, pattern message.Destination) []target {
	g.mu.Lock()
	if !slices.Contains(g.patterns[s], pattern) {
		g.patterns[s] = append(g.patterns[s], pattern)
	}
	g.mu.Unlock()
	return g.matching(pattern)
}

func (g *registry) unwatch(s subscription) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.patterns, s)
}

// maxDestinations bounds the registry.
const maxDestinations = 1 << 20

// ensure returns the destination dest, creating it if need be.
func (b *Broker) ensure(dest message.Destination) (target, error) { return b.ensureFrom(dest, nil) }

// ensureFrom is ensure for what other brokers told of, by path.
func (b *Broker) ensureFrom(dest message.Destination, path []message.BrokerID) (target, error) {
	if t := b.registry.find(dest); t != nil {
		return t, nil
	}
	if err := validName(dest); err != nil {
		return nil, err
	}
	t, created, err := b.create(dest, nil)
	if err != nil {
		return nil, err
	}
	if created {
		b.advise.destination(dest, message.AddDestination, t.base().owner, path)
	}
	return t, nil
}

// create makes dest; state is what the store held of it, or nil.
func (b *Broker) create(dest message.Destination, state *store.DestinationState) (t target, created bool, err error) {
	g := &b.registry
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.targets[dest]; t != nil {
		return t, false, nil
	}
	if err := g.roomLocked(b, dest, state != nil); err != nil {
		return nil, false, err
	}
	if dest.Kind.IsQueue() {
		t = newQueue(b, dest, state)
	} else {
		t = newTopic(b, dest)
	}
	for s, patterns := range g.patterns {
		for _, pattern := range patterns {
			if matches(pattern, dest) {
				if err := t.attach(s); err != nil {
					b.log.Warn("consumer of a pattern cannot use a new destination", "destination", dest.String(), "error", err)
				}
				break
			}
		}
	}
	if g.insertLocked(t) && state == nil {
		b.standing.keep(dest)
	}
	return t, true, nil
}

// validName refuses names that no client library would send. A pattern is a
// name like any other: what is sent to it goes to the consumers whose own
// patterns cover it. (ActiveMQ, too)
func validName(dest message.Destination) error {
	switch {
	case strings.TrimSpace(dest.Name) == "":
		return failure(ErrInvalidDestination, "Invalid empty destination name")
	case len(dest.Name) > maxName:
		return failure(ErrInvalidDestination, "Destination name of %d bytes is too long", len(dest.Name))
	case dest == jobQueue || dest == idQueue || dest == landingQueue || dest == selectorQueue || dest == standingQueue:
		return reserved(dest)
	}
	return nil
}

// maxName bounds destination names, in bytes: they are journal fields.
const maxName = 32 << 10
