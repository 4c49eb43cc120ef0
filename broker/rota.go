package broker

import (
	"slices"

	"github.com/conclavemq/conclave/message"
)

// rota is the consumers of a queue: those of higher priority first, those of
// one priority in turn. The queue's lock guards it. (ActiveMQ:
// RoundRobinDispatchPolicy, QueueDispatchSelector)
type rota struct {
	groups    []rotaGroup
	n         int
	selective int       // consumers that do not want every message
	exclusive *consumer // the one that gets everything, or nil
	seek      *seeker   // of the queue, or nil
}

type rotaGroup struct {
	priority int8
	members  []*consumer
	next     int
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
	priority := t.priority(c, p)
	i, found := slices.BinarySearchFunc(t.groups, priority, func(g rotaGroup, want int8) int {
		return int(want) - int(g.priority)
	})
	if !found {
		t.groups = slices.Insert(t.groups, i, rotaGroup{priority: priority})
	}
	t.groups[i].members = append(t.groups[i].members, c)
	if c.info.Exclusive || p.AllConsumersExclusiveByDefault {
		if e := t.exclusive; e == nil || c.info.Priority == 127 || c.info.Priority > e.info.Priority {
			t.exclusive = c
		}
	}
}

func (t *rota) remove(c *consumer, p *Policy) bool {
	for i := range t.groups {
		g := &t.groups[i]
		j := slices.Index(g.members, c)
		if j < 0 {
			continue
		}
		g.members = slices.Delete(g.members, j, j+1)
		if j < g.next {
			g.next--
		}
		if len(g.members) == 0 {
			t.groups = slices.Delete(t.groups, i, i+1)
		}
		t.n--
		if c.selective() {
			t.selective--
		}
		if t.exclusive == c {
			t.chooseExclusive(p)
		}
		return true
	}
	return false
}

// chooseExclusive looks for a successor: the eldest of the highest priority.
func (t *rota) chooseExclusive(p *Policy) {
	t.exclusive = nil
	for c := range t.each {
		if (c.info.Exclusive || p.AllConsumersExclusiveByDefault) &&
			(t.exclusive == nil || c.info.Priority > t.exclusive.info.Priority) {
			t.exclusive = c
		}
	}
}

// each yields the consumers.
func (t *rota) each(yield func(*consumer) bool) {
	for i := range t.groups {
		for _, c := range t.groups[i].members {
			if !yield(c) {
				return
			}
		}
	}
}

// answer says what became of an offer.
type answer uint8

const (
	taken    answer = iota
	full            // who wants it has no credit
	unwanted        // nobody here wants it
)

// offer gives r to the consumer whose turn it is.
func (t *rota) offer(r *ref, dest message.Destination) answer {
	if t.exclusive != nil {
		if t.seek != nil && t.seek.blocks(t.exclusive, r) {
			return full
		}
		if !t.exclusive.wants(r.m) {
			return unwanted
		}
		if t.exclusive.take(r, dest) {
			return taken
		}
		t.spent(t.exclusive)
		return full
	}
	result := unwanted
	for i := range t.groups {
		g := &t.groups[i]
		for j := range g.members {
			k := g.next + j
			if k >= len(g.members) {
				k -= len(g.members)
			}
			c := g.members[k]
			if t.seek != nil && t.seek.blocks(c, r) {
				result = full
				continue
			}
			if !c.wants(r.m) {
				continue
			}
			if c.take(r, dest) {
				if g.next = k + 1; g.next == len(g.members) {
					g.next = 0
				}
				return taken
			}
			t.spent(c)
			result = full
		}
	}
	return result
}

// spent notes that a consumer has no credit for what it wants.
func (t *rota) spent(c *consumer) {
	if t.seek != nil {
		t.seek.stick(c)
	}
}
