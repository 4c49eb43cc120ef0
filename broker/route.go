package broker

import (
	"slices"

	"github.com/conclavemq/conclave/message"
)

// route is where messages for one destination go: to one target as they are,
// or, by composite and virtual destinations, to several, each with a copy.
// What it says holds for a version of the registry.
type route struct {
	asked   message.Destination // what the producer named
	dest    message.Destination // the same as the broker names it
	version uint64
	first   target // at what the producer named
	fixed   []leg  // not nil: where every message goes, rather than to first alone
	root    *stop  // not nil: where it goes is for each message to see
}

// leg is one copy of a message on its way.
type leg struct {
	target
	dest     message.Destination // what the copy says; null: what the message says
	original message.Destination // null: what the message says
	dropped  bool                // rather than that the send fails for want of space
}

// copy returns m as the leg's target gets it.
func (l *leg) copy(m *message.Message) *message.Message {
	p := l.target.base()
	if l.dest.IsZero() && p.policy.Interceptors == nil {
		return m
	}
	c := m.Copy()
	if !l.dest.IsZero() {
		c.Destination, c.OriginalDestination = l.dest, l.original
	}
	p.intercept(c)
	return c
}

// alone reports that messages go to first, as they are.
func (r *route) alone() bool { return r.fixed == nil && r.root == nil }

// take returns where m goes: to first alone, if more is nil, and else to all of
// more, which may be empty.
func (r *route) take(m *message.Message) (first target, more []leg) {
	more = r.fixed
	if r.root != nil {
		w := walk{m: m, legs: []leg{}}
		w.visit(r.root, false)
		more = w.legs
	}
	if len(more) > 0 {
		return more[0].target, more
	}
	return r.first, more
}

// stop is a destination that a message comes to on its way.
type stop struct {
	target   target
	dest     message.Destination // what the message says here; null at the first stop
	original message.Destination
	branches []branch // what virtual destinations do here; none: the message stays
}

// branch is what one virtual destination does at a stop.
type branch struct {
	forks []fork
	stays staying
}

// staying says whether the destination itself gets the message.
type staying uint8

const (
	stays staying = iota
	passes
	staysUnmatched // if no fork was taken
	undecided      // that is for the other branches to say
)

// fork is one way on.
type fork struct {
	filter Filter // nil: every message
	local  bool   // not what came from another broker
	aware  *queue // not nil: only what one of its consumers wants, or has wanted; see selectors
	drop   bool
	next   *stop
}

func (f *fork) takes(m *message.Message) bool {
	return (f.filter == nil || f.filter.Match(m, m.RedeliveryCounter)) && (!f.local || len(m.BrokerPath) == 0) && (f.aware == nil || f.aware.attracts(m) || f.aware.b.selectors.attract(f.aware.dest, m))
}

// fixed reports that all messages take the same way from s.
func (s *stop) fixed() bool {
	for i := range s.branches {
		b := &s.branches[i]
		if b.stays == staysUnmatched {
			return false
		}
		for j := range b.forks {
			f := &b.forks[j]
			if f.filter != nil || f.local || f.aware != nil || !f.next.fixed() {
				return false
			}
		}
	}
	return true
}

// walk collects the legs of one message. A destination that it reaches on two
// ways gets it once.
type walk struct {
	m    *message.Message
	all  bool // no matter what the forks say
	legs []leg
	seen map[target]bool // once there are many
}

// manyLegs is from where on a map is faster than a look at each.
const manyLegs = 16

func (w *walk) visit(s *stop, drop bool) {
	keep, decided := false, false
	for i := range s.branches {
		b := &s.branches[i]
		matched := false
		for j := range b.forks {
			if f := &b.forks[j]; w.all || f.takes(w.m) {
				matched = true
				w.visit(f.next, drop || f.drop)
			}
		}
		decided = decided || b.stays != undecided
		keep = keep || b.stays == stays || b.stays == staysUnmatched && !matched
	}
	if (keep || !decided) && !w.has(s.target) {
		w.legs = append(w.legs, leg{s.target, s.dest, s.original, drop})
	}
}

// has reports whether t has a leg, and that it has one from now on.
func (w *walk) has(t target) bool {
	if len(w.legs) < manyLegs {
		return slices.ContainsFunc(w.legs, func(l leg) bool { return l.target == t })
	}
	if w.seen == nil {
		w.seen = make(map[target]bool, 2*manyLegs)
		for i := range w.legs {
			w.seen[w.legs[i].target] = true
		}
	}
	had := w.seen[t]
	w.seen[t] = true
	return had
}

// attracts reports whether a consumer that is there wants m.
func (q *queue) attracts(m *message.Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.rota.each {
		if q.rota.want(c, m, m.RedeliveryCounter) {
			return true
		}
	}
	return false
}
