package broker

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/conclavemq/conclave/message"
)

// routing finds the routes. The ones that virtual destinations make are
// cached for all producers.
type routing struct {
	b          *Broker
	topics     []VirtualTopic // fixed
	composites []composite    // fixed
	mirror     *Mirror        // fixed

	mu    sync.RWMutex
	cache map[message.Destination]*route // mu; by what producers name
}

// composite is a CompositeDestination with its selectors read.
type composite struct {
	CompositeDestination
	filters []Filter // of ForwardTo
}

// Bounds of routes.
const (
	maxRoutes = 16384   // cached
	maxStops  = 16      // on the way of one message
	maxLegs   = 1 << 16 // of one message
)

func (g *routing) init(b *Broker) error {
	g.b, g.mirror = b, b.options.Mirror
	g.cache = map[message.Destination]*route{}
	virtual := b.options.Virtual
	if virtual == nil {
		virtual = []VirtualDestination{DefaultVirtualTopic()}
	}
	for _, v := range virtual {
		switch v := v.(type) {
		case VirtualTopic:
			g.topics = append(g.topics, v)
		case CompositeDestination:
			c := composite{v, nil}
			for _, f := range v.ForwardTo {
				filter, err := b.parseSelector(f.Selector)
				if err != nil {
					return fmt.Errorf("virtual destination %s: %w", v.Destination, err)
				}
				c.filters = append(c.filters, filter)
			}
			g.composites = append(g.composites, c)
		default:
			return fmt.Errorf("virtual destination of type %T", v)
		}
	}
	return nil
}

// concerns reports whether messages for dest may go elsewhere.
func (g *routing) concerns(dest message.Destination) bool {
	return slices.ContainsFunc(g.topics, func(v VirtualTopic) bool { return v.covers(dest) }) ||
		slices.ContainsFunc(g.composites, func(v composite) bool { return v.covers(dest) }) ||
		g.mirrors(dest)
}

func (g *routing) mirrors(dest message.Destination) bool {
	return g.mirror != nil && dest.Kind.IsQueue() && (g.mirror.Temporary || !dest.Kind.IsTemporary())
}

// consumes reports whether a consumer of the pattern dest is one of a virtual
// topic's, which has a queue that is called like the pattern. (ActiveMQ:
// VirtualTopic.create)
func (g *routing) consumes(dest message.Destination) bool {
	return dest.Kind == message.Queue && slices.ContainsFunc(g.topics, func(v VirtualTopic) bool {
		return matches(message.NewQueue(v.Prefix+">"), dest)
	})
}

// find returns the route for a destination that concerns virtual destinations
// or has several parts. version is the registry's, read before.
func (g *routing) find(sendable func(message.Destination) (target, error), asked, dest message.Destination, version uint64) (*route, error) {
	g.mu.RLock()
	r := g.cache[asked]
	g.mu.RUnlock()
	if r != nil && r.version == version {
		return r, nil
	}
	r = &route{asked: asked, dest: dest, version: version}
	p := planner{g: g, sendable: sendable}
	root, err := p.begin(dest)
	if err != nil {
		return nil, err
	}
	w := walk{all: true, legs: []leg{}}
	w.visit(root, false)
	r.first = root.target
	switch {
	case len(w.legs) > maxLegs:
		return nil, failure(ErrLimit, "Messages for %s would go to %d destinations; at most %d are possible", dest, len(w.legs), maxLegs)
	case !root.fixed():
		r.root = root
	case len(w.legs) == 1 && w.legs[0].dest.IsZero():
		r.first = w.legs[0].target
	default:
		r.fixed = w.legs
	}
	if p.private {
		return r, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.cache) >= maxRoutes {
		clear(g.cache)
	}
	g.cache[asked] = r
	return r, nil
}

// addRouted adds what becomes of a message that the broker sends by itself, such
// as a dead letter: like any other it goes where virtual destinations say. If
// they make no sense it goes to the destination that it names, for nobody is
// there to be told.
func (u *batch) addRouted(m *message.Message) error {
	g, dest := &u.b.routing, u.b.named(m.Destination)
	if dest.IsComposite() || g.concerns(dest) {
		r, err := g.find(u.b.sendable, m.Destination, dest, u.b.registry.version.Load())
		if err == nil {
			u.addRoute(r, m)
			return nil
		}
		u.b.log.Warn("message goes nowhere but to its own destination", "destination", dest.String(), "error", err)
	}
	t, err := u.b.sendable(dest)
	if err == nil {
		u.add(t, m)
	}
	return err
}

func (u *batch) addRoute(r *route, m *message.Message) {
	first, more := r.take(m)
	if more == nil {
		u.add(first, m)
	}
	for _, l := range more {
		u.add(l.target, l.copy(m))
	}
}

// planner makes the stops of one route.
type planner struct {
	g        *routing
	sendable func(message.Destination) (target, error)
	trail    []message.Destination // from the first stop to the one that is made
	private  bool                  // it has a temporary destination
}

// begin makes the first stop.
func (p *planner) begin(dest message.Destination) (*stop, error) {
	if !dest.IsComposite() {
		return p.stop(dest, message.Destination{}, message.Destination{})
	}
	parts := dest.Parts()
	if len(parts) == 0 || len(parts) > maxParts {
		return nil, failure(ErrInvalidDestination, "Composite destination of %d parts", len(parts))
	}
	all := branch{stays: passes}
	for _, part := range parts {
		next, err := p.stop(part, part, dest)
		if err != nil {
			return nil, err
		}
		all.forks = append(all.forks, fork{next: next})
	}
	return &stop{target: all.forks[0].next.target, branches: []branch{all}}, nil
}

// stop makes the stop at the destination at. says is what the message says
// there, null for what its producer named.
func (p *planner) stop(at, says, original message.Destination) (*stop, error) {
	if len(p.trail) >= maxStops || slices.Contains(p.trail, at) {
		return nil, failure(ErrInvalidDestination, "Virtual destinations lead in a circle or too far: %s", p.way(at))
	}
	t, err := p.sendable(at)
	if err != nil {
		return nil, err
	}
	p.private = p.private || at.Kind.IsTemporary()
	p.trail = append(p.trail, at)
	defer func() { p.trail = p.trail[:len(p.trail)-1] }()
	s := &stop{target: t, dest: says, original: original}
	here := says
	if here.IsZero() {
		here = at
	}
	for _, plan := range [...]func(*stop, message.Destination, message.Destination) error{p.mirrored, p.topics, p.composites} {
		if err := plan(s, at, here); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// way is the trail for an error.
func (p *planner) way(at message.Destination) string {
	var names []string
	for _, d := range append(slices.Clone(p.trail), at) {
		names = append(names, d.String())
	}
	return strings.Join(names, " -> ")
}

func (p *planner) mirrored(s *stop, at, _ message.Destination) error {
	if !p.g.mirrors(at) {
		return nil
	}
	if !s.dest.IsZero() {
		s.dest = at
	}
	topic := message.NewTopic(p.g.mirror.Prefix + at.Name + p.g.mirror.Postfix)
	next, err := p.stop(topic, topic, s.original)
	if err == nil {
		s.branches = append(s.branches, branch{forks: []fork{{next: next}}, stays: undecided})
	}
	return err
}

func (p *planner) topics(s *stop, at, here message.Destination) error {
	for i := range p.g.topics {
		v := &p.g.topics[i]
		if !v.covers(at) {
			continue
		}
		b := branch{}
		for _, q := range p.g.b.registry.feeding(i, v, at) {
			dest := q.base().dest
			if !v.begins(dest.Name) {
				continue
			}
			says, original := dest, here
			if v.KeepDestination {
				says, original = here, s.original
			}
			next, err := p.stop(dest, says, original)
			if err != nil {
				return err
			}
			f := fork{next: next, local: v.Local, drop: v.DropOnResourceLimit}
			if q, ok := q.(*queue); ok && v.SelectorAware {
				f.aware = q
			}
			b.forks = append(b.forks, f)
		}
		s.branches = append(s.branches, b)
	}
	return nil
}

// begins reports whether the queue's name begins as the prefix does before its
// first wildcard, so that a queue called ">" gets nothing. (ActiveMQ:
// VirtualTopicInterceptor.shouldDispatch)
func (v *VirtualTopic) begins(queue string) bool {
	i := strings.Index(v.Prefix, ".*")
	return i < 0 || strings.HasPrefix(v.Prefix, "*") || strings.HasPrefix(queue, v.Prefix[:i])
}

func (p *planner) composites(s *stop, at, here message.Destination) error {
	for i := range p.g.composites {
		v := &p.g.composites[i]
		if !v.covers(at) {
			continue
		}
		b := branch{stays: stays}
		switch {
		case v.SendWhenNotMatched:
			b.stays = staysUnmatched
		case v.ForwardOnly:
			b.stays = passes
		}
		for j, f := range v.ForwardTo {
			for _, to := range f.Destination.Parts() {
				next, err := p.forward(s, at, here, to)
				if err != nil {
					return err
				}
				b.forks = append(b.forks, fork{filter: v.filters[j], next: next})
			}
		}
		s.branches = append(s.branches, b)
	}
	return nil
}

// forward makes the stop at to. What a pattern forwards to a destination that
// it covers itself stays there; in ActiveMQ it goes round until the stack is
// full.
func (p *planner) forward(s *stop, at, here, to message.Destination) (*stop, error) {
	if to == at {
		return &stop{target: s.target, dest: s.dest, original: s.original}, nil
	}
	return p.stop(to, to, here)
}
