package broker

import (
	"slices"
	"time"

	"github.com/conclavemq/conclave/message"
)

// rota is the consumers of a queue: those of higher priority first, those of
// one priority in turn, or in the order of their coming where dispatch is
// strict. It is the one place that decides who gets a message. The queue's
// lock guards it. (ActiveMQ: Queue.doActualDispatch, QueueDispatchSelector)
type rota struct {
	tiers     []tier
	n         int
	selective int     // consumers that do not want every message
	seek      *seeker // of the queue, or nil
	exclusive *member // the one that gets everything, or nil
	strict    bool    // the first with credit gets a message, not the next in turn
	groups    groups
	opening   *time.Timer // not nil: nobody gets anything yet; see queue.expectLocked
	scan      uint64      // rises with each pass through the window
	missed    int         // members that have missed a message in this pass
	spare     *member     // had credit when asked last
	// A message that waits is judged: none of those that have credit may have
	// it. That holds in one state of things, until consumers or the owners of
	// groups change, and as long as none has credit that had none in it. A
	// message that begins a group is not judged: it may wait for another.
	state    uint64
	suspects int  // members that have had no credit in this state
	asked    bool // in this pass, which of them have credit now
	skipped  bool // in this pass, a message that is judged
}

// tier is the consumers of one priority.
type tier struct {
	priority int8
	members  []*member
	next     int
}

// member is a consumer of one queue.
type member struct {
	*consumer
	groups  int    // that are its own
	missed  uint64 // the pass in which it could not take a message
	suspect uint64 // the state in which it had no credit at some time
}

// begin is called before each pass through the window, from its head.
func (t *rota) begin() {
	t.scan++
	t.missed = 0
	t.asked, t.skipped = false, false
	if len(t.groups.blocked) > 0 {
		clear(t.groups.blocked)
	}
}

// change begins another state of things.
func (t *rota) change() {
	t.state++
	if t.seek != nil {
		t.seek.round++ // what nobody wanted may be wanted now
	}
	t.suspects = 0
	for m := range t.members {
		if m.missed == t.scan {
			m.suspect = t.state
			t.suspects++
		}
	}
}

// miss gives m nothing more in this pass: what it could not take comes first,
// also if it has credit a moment later.
func (t *rota) miss(m *member) {
	if m.missed == t.scan {
		return
	}
	m.missed = t.scan
	t.missed++
	if m.suspect != t.state {
		m.suspect = t.state
		t.suspects++
	}
}

func (t *rota) priority(c *consumer, p *Policy) int8 {
	if p.UseConsumerPriority {
		return c.info.Priority
	}
	return 0
}

func (t *rota) add(c *consumer, p *Policy) {
	t.n++
	if c.selective() {
		t.selective++
	}
	t.strict, t.groups.policy = p.StrictOrderDispatch, p.Groups.bounded()
	priority := t.priority(c, p)
	i, found := slices.BinarySearchFunc(t.tiers, priority, func(g tier, want int8) int {
		return int(want) - int(g.priority)
	})
	if !found {
		t.tiers = slices.Insert(t.tiers, i, tier{priority: priority})
	}
	m := &member{consumer: c}
	t.tiers[i].members = append(t.tiers[i].members, m)
	if c.info.Exclusive || p.AllConsumersExclusiveByDefault {
		if e := t.exclusive; e == nil || c.info.Priority == 127 || c.info.Priority > e.info.Priority {
			t.exclusive = m
		}
	}
	t.change()
}

func (t *rota) remove(c *consumer, p *Policy) bool {
	for i := range t.tiers {
		g := &t.tiers[i]
		j := slices.IndexFunc(g.members, func(m *member) bool { return m.consumer == c })
		if j < 0 {
			continue
		}
		m := g.members[j]
		g.members = slices.Delete(g.members, j, j+1)
		if j < g.next {
			g.next--
		}
		if g.next >= len(g.members) {
			g.next = 0
		}
		if len(g.members) == 0 {
			t.tiers = slices.Delete(t.tiers, i, i+1)
		}
		t.n--
		if c.selective() {
			t.selective--
		}
		t.groups.forget(m)
		if m.missed == t.scan {
			t.missed--
		}
		t.change()
		if t.spare == m {
			t.spare = nil
		}
		if t.exclusive == m {
			t.chooseExclusive(p)
		}
		return true
	}
	return false
}

// chooseExclusive looks for a successor: the eldest of the highest priority.
func (t *rota) chooseExclusive(p *Policy) {
	t.exclusive = nil
	for m := range t.members {
		if (m.info.Exclusive || p.AllConsumersExclusiveByDefault) &&
			(t.exclusive == nil || m.info.Priority > t.exclusive.info.Priority) {
			t.exclusive = m
		}
	}
}

// members yields the consumers in their order.
func (t *rota) members(yield func(*member) bool) {
	for i := range t.tiers {
		for _, m := range t.tiers[i].members {
			if !yield(m) {
				return
			}
		}
	}
}

// each yields the consumers.
func (t *rota) each(yield func(*consumer) bool) {
	t.members(func(m *member) bool { return yield(m.consumer) })
}

// answer says what became of an offer.
type answer uint8

const (
	taken    answer = iota
	full            // nobody has credit: there is no use in offering more
	waiting         // who is to have it has no credit, others have
	unwanted        // nobody here wants it
)

// offer gives r to the consumer that is to have it.
func (t *rota) offer(r *ref, dest message.Destination) answer {
	switch {
	case t.opening != nil:
		return full
	case t.exclusive != nil:
		return t.offerExclusive(r, dest)
	case r.judged == t.state && t.missed == t.suspects:
		if t.missed == t.n {
			return full
		}
		t.skipped = true
		return waiting
	}
	result := unwanted
	if grouped(r.m) {
		result = t.offerGrouped(r, dest)
	} else {
		result = t.offerAny(r, dest)
	}
	r.judged = 0
	if result == waiting {
		result = t.refused()
	}
	if result == waiting && t.seek == nil && !t.begins(r) {
		r.judged = t.state
	}
	return result
}

// blocks reports whether m must not be given r yet; see seeker.
func (t *rota) blocks(m *member, r *ref) bool {
	return t.seek != nil && t.seek.blocks(m.consumer, r)
}

// begins reports whether a message of a group is to begin it.
func (t *rota) begins(r *ref) bool {
	return grouped(r.m) && (r.m.GroupSequence == 1 || t.groups.owner(r.m) == nil)
}

// offerAny gives r to the consumer whose turn it is.
func (t *rota) offerAny(r *ref, dest message.Destination) answer {
	result := unwanted
	for i := range t.tiers {
		g := &t.tiers[i]
		for j := range g.members {
			k := g.turn(j, t.strict)
			m := g.members[k]
			if t.blocks(m, r) {
				result = waiting
				continue
			}
			if !t.want(m.consumer, r.m, r.redeliveries) {
				continue
			}
			if m.missed != t.scan && m.take(r, dest) {
				g.took(k)
				return taken
			}
			t.miss(m)
			result = waiting
		}
	}
	return result
}

// turn is the index of the j-th member to be asked.
func (g *tier) turn(j int, strict bool) int {
	if strict {
		return j
	}
	if j += g.next; j >= len(g.members) {
		j -= len(g.members)
	}
	return j
}

// had keeps m, which got a message out of turn, from being the next: above all,
// from having again the group that it has just been given the last message of.
func (t *rota) had(m *member) {
	for i := range t.tiers {
		if g := &t.tiers[i]; g.members[g.next] == m {
			g.took(g.next)
			return
		}
	}
}

func (g *tier) took(k int) {
	if g.next = k + 1; g.next >= len(g.members) {
		g.next = 0
	}
}

// refused says whether it is of use to offer another message.
func (t *rota) refused() answer {
	if t.missed == t.n {
		return full
	}
	if !t.asked {
		t.asked = true
		for m := range t.members {
			if m.suspect == t.state && m.missed != t.scan && !m.ready() {
				t.miss(m)
			}
		}
	}
	if s := t.spare; s != nil && s.missed != t.scan && s.ready() {
		return waiting
	}
	t.spare = nil
	if t.missed < t.n {
		for m := range t.members {
			if m.missed == t.scan {
				continue
			}
			if m.ready() {
				t.spare = m
				return waiting
			}
			t.miss(m)
		}
	}
	return full
}

// offerExclusive gives r to the exclusive consumer. All groups are its own:
// where it has come after others had some, ActiveMQ gives these to nobody
// until the others have gone.
func (t *rota) offerExclusive(r *ref, dest message.Destination) answer {
	m := t.exclusive
	switch {
	case t.blocks(m, r):
		return full
	case !t.want(m.consumer, r.m, r.redeliveries):
		return unwanted
	case !grouped(r.m):
		if m.take(r, dest) {
			return taken
		}
	case t.give(r, m, dest, r.m.GroupSequence == 1 || t.groups.owner(r.m) != m):
		return taken
	}
	return full
}

// offerGrouped gives r to the consumer that has its group; if nobody has it,
// or a sequence number of 1 begins it anew, to one of those that have the
// fewest groups. What its consumer's selector does not want waits until that
// consumer is gone, since nobody else may have it. Nothing overtakes what waits
// of its group; in ActiveMQ a sequence number of 1 does. (ActiveMQ:
// Queue.assignMessageGroup)
func (t *rota) offerGrouped(r *ref, dest message.Destination) answer {
	if t.groups.isBlocked(r.m) {
		return waiting
	}
	owner := t.groups.owner(r.m)
	result := unwanted
	switch {
	case owner == nil || r.m.GroupSequence == 1:
		if t.skipped && t.overtakes(r) {
			result = waiting
			break
		}
		result = t.offerAnew(r, dest)
	case t.blocks(owner, r):
		result = waiting
	case !t.want(owner.consumer, r.m, r.redeliveries):
	case owner.missed != t.scan && t.give(r, owner, dest, false):
		t.had(owner)
		return taken
	default:
		t.miss(owner)
		result = waiting
	}
	if result == waiting {
		t.groups.block(r.m)
	}
	return result
}

// overtakes reports whether a message was skipped in this pass that is of the
// group of r. It is asked of messages that begin a group, while others wait.
func (t *rota) overtakes(r *ref) bool {
	key := t.groups.key(r.m)
	for p := r.prev; p != nil; p = p.prev {
		if p.judged != 0 && grouped(p.m) && t.groups.key(p.m) == key {
			return true
		}
	}
	return false
}

// offerAnew gives r to whoever has credit and the fewest groups.
func (t *rota) offerAnew(r *ref, dest message.Destination) answer {
	result := unwanted
	for i := range t.tiers {
		g := &t.tiers[i]
		best := -1
		for j := range g.members {
			k := g.turn(j, t.strict)
			m := g.members[k]
			if t.blocks(m, r) {
				result = waiting
				continue
			}
			if !t.want(m.consumer, r.m, r.redeliveries) {
				continue
			}
			result = waiting
			if m.missed == t.scan || best >= 0 && m.groups >= g.members[best].groups {
				continue
			}
			if m.ready() {
				best = k
			} else {
				t.miss(m)
			}
		}
		if best >= 0 && t.give(r, g.members[best], dest, true) {
			g.took(best)
			return taken
		}
	}
	return result
}

// give delivers a message of a group to m, which has the group from then on,
// unless it is the group's last. first says that the group is new to m. A last
// message that nobody has the group of ends it, too; ActiveMQ begins it.
func (t *rota) give(r *ref, m *member, dest message.Destination, first bool) bool {
	x := r.m
	if x.FirstForConsumer != first {
		if !m.ready() {
			return false
		}
		x = x.Copy()
		x.FirstForConsumer = first
	}
	if !m.deliver(r, x, dest) {
		return false
	}
	switch {
	case x.GroupSequence < 0:
		t.groups.assign(x, nil)
	case first:
		t.groups.assign(x, m)
	}
	if t.groups.freed {
		t.groups.freed = false
		t.change()
	}
	return true
}
