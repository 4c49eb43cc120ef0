package broker

import (
	"container/list"
	"crypto/sha256"
	"strconv"
	"strings"

	"github.com/conclavemq/conclave/message"
)

// GroupMap says how a queue remembers which consumer has which message group.
// (ActiveMQ: messageGroupMapFactoryType)
type GroupMap struct {
	// Buckets, if not 0, is the number of sets that all groups are divided
	// into; each set goes to one consumer, as if it were one group. (bucket)
	Buckets int
	// Groups is how many groups are remembered without buckets; the one that
	// has been used least recently is forgotten. (cached)
	Groups int
}

// MaxGroups bounds both: what ActiveMQ calls a simple map has no bound there.
const MaxGroups = 1 << 20

// bounded keeps p within what a queue may remember.
func (p GroupMap) bounded() GroupMap {
	if p.Buckets > 0 {
		return GroupMap{Buckets: min(p.Buckets, MaxGroups)}
	}
	return GroupMap{Groups: min(max(p.Groups, 1), MaxGroups)}
}

// groups is who has which message group. The queue's lock guards it.
// (ActiveMQ: MessageGroupMap)
type groups struct {
	policy  GroupMap
	byName  map[string]*list.Element // of *group
	recent  list.List                // the last used first
	buckets []*member
	freed   bool            // a group has lost its owner
	blocked map[string]bool // of which a message waits, in this pass through the window
}

type group struct {
	name  string
	owner *member
}

// grouped reports whether m belongs to a group. An empty name is one, too, as
// in ActiveMQ.
func grouped(m *message.Message) bool {
	return m.GroupID != "" || m.Blanks&message.BlankGroupID != 0
}

// longName is from where on a group is known by a digest of its name, so that
// many names cost a bounded amount of memory.
const longName = 128

func groupName(m *message.Message) string {
	if len(m.GroupID) <= longName {
		return m.GroupID
	}
	sum := sha256.Sum256([]byte(m.GroupID))
	return string(sum[:])
}

// owner returns who has the group of m, or nil.
func (g *groups) owner(m *message.Message) *member {
	if g.policy.Buckets > 0 {
		if g.buckets == nil {
			return nil
		}
		return g.buckets[g.bucket(m)]
	}
	e := g.byName[groupName(m)]
	if e == nil {
		return nil
	}
	g.recent.MoveToFront(e)
	return e.Value.(*group).owner
}

// assign gives the group of m to c, or to nobody if c is nil.
func (g *groups) assign(m *message.Message, c *member) {
	if old := g.owner(m); old != nil {
		old.groups--
		g.freed = true
	}
	if c != nil {
		c.groups++
	}
	if g.policy.Buckets > 0 {
		if g.buckets == nil {
			g.buckets = make([]*member, g.policy.Buckets)
		}
		g.buckets[g.bucket(m)] = c
		return
	}
	name := groupName(m)
	e := g.byName[name]
	switch {
	case c == nil && e != nil:
		g.drop(e)
	case c == nil:
	case e != nil:
		e.Value.(*group).owner = c
	default:
		g.remember(strings.Clone(name), c)
	}
}

func (g *groups) remember(name string, c *member) {
	if g.byName == nil {
		g.byName = map[string]*list.Element{}
	}
	g.byName[name] = g.recent.PushFront(&group{name, c})
	for g.recent.Len() > g.policy.Groups {
		e := g.recent.Back()
		e.Value.(*group).owner.groups--
		g.freed = true
		g.drop(e)
	}
}

func (g *groups) drop(e *list.Element) {
	delete(g.byName, e.Value.(*group).name)
	g.recent.Remove(e)
}

// block lets nothing of the group of m be given in this pass.
func (g *groups) block(m *message.Message) {
	if g.blocked == nil {
		g.blocked = map[string]bool{}
	}
	g.blocked[g.key(m)] = true
}

func (g *groups) isBlocked(m *message.Message) bool {
	return len(g.blocked) > 0 && g.blocked[g.key(m)]
}

func (g *groups) key(m *message.Message) string {
	if g.policy.Buckets > 0 {
		return strconv.Itoa(g.bucket(m))
	}
	return groupName(m)
}

// forget takes all groups from a consumer that is gone.
func (g *groups) forget(c *member) {
	if c.groups == 0 {
		return
	}
	for i, owner := range g.buckets {
		if owner == c {
			g.buckets[i] = nil
		}
	}
	for e := g.recent.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*group).owner == c {
			g.drop(e)
		}
		e = next
	}
	c.groups = 0
}

// bucket is the set that the group of m is in. (ActiveMQ:
// MessageGroupHashBucket, String.hashCode)
func (g *groups) bucket(m *message.Message) int {
	h := int32(0)
	for _, r := range m.GroupID {
		if r > 0xffff {
			r -= 0x10000
			h = 31*h + (0xd800 + r>>10)
			r = 0xdc00 + r&0x3ff
		}
		h = 31*h + r
	}
	i := int64(h) % int64(g.policy.Buckets)
	if i < 0 {
		i = -i
	}
	return int(i)
}
