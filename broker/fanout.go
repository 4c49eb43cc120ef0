package broker

import (
	"slices"
	"strings"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// spread gives m to those of a topic's listeners whom the topic's dispatch
// policy chooses, in its order. What a durable subscription is not to have is
// acknowledged for it. (ActiveMQ: DispatchPolicy)
func (t *topic) spread(list []listener, m *message.Message, op *store.Op, s *share) {
	switch rule := &t.policy.Dispatch; rule.By {
	case InTurn:
		// (ActiveMQ: RoundRobinDispatchPolicy) Each is first in its turn.
		t.order.Lock()
		defer t.order.Unlock()
		first := t.turn % len(list)
		t.turn++
		for i := range list {
			list[(first+i)%len(list)].hear(t, m, op, s)
		}
		return
	case InOrder:
		t.order.Lock()
		defer t.order.Unlock()
	case ByPriority:
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b listener) int { return int(priorityOf(b)) - int(priorityOf(a)) })
	case ByNetworkPriority:
		list = t.withoutDetours(list, m, op)
	case ByClientID:
		list = t.addressed(list, m, op)
	}
	for _, l := range list {
		l.hear(t, m, op, s)
	}
}

// infoOf is the consumer of a listener; nil of a durable subscription that
// nobody uses.
func infoOf(l listener) (info *message.ConsumerInfo, client string) {
	switch l := l.(type) {
	case *subscriber:
		return &l.info, l.conn.info.ClientID
	case *feed:
		l.d.mu.Lock()
		defer l.d.mu.Unlock()
		if c := l.d.active; c != nil {
			info = &c.info
		}
		return info, l.d.clientID
	}
	return nil, ""
}

func priorityOf(l listener) int8 {
	if info, _ := infoOf(l); info != nil {
		return info.Priority
	}
	return 0
}

// withoutDetours leaves out network consumers that pass messages on to a
// consumer which another one of higher priority, the shorter way, serves as
// well. (ActiveMQ: PriorityNetworkDispatchPolicy)
func (t *topic) withoutDetours(list []listener, m *message.Message, op *store.Op) []listener {
	chosen := make([]listener, 0, len(list))
	for _, l := range list {
		info, _ := infoOf(l)
		if info == nil || !info.NetworkSubscription {
			chosen = append(chosen, l)
			continue
		}
		best := true
		chosen = slices.DeleteFunc(chosen, func(o listener) bool {
			other, _ := infoOf(o)
			if other == nil || !shareConsumers(other, info) {
				return false
			}
			if other.Priority < info.Priority {
				pass(o, m, op)
				return true
			}
			best = false
			return false
		})
		if best {
			chosen = append(chosen, l)
		} else {
			pass(l, m, op)
		}
	}
	return chosen
}

func shareConsumers(a, b *message.ConsumerInfo) bool {
	for _, id := range a.NetworkConsumerPath {
		if slices.Contains(b.NetworkConsumerPath, id) {
			return true
		}
	}
	return false
}

// addressed leaves only the client that a message names, on a topic that is
// for that; a message that names nobody is for all. (ActiveMQ:
// ClientIdFilterDispatchPolicy)
func (t *topic) addressed(list []listener, m *message.Message, op *store.Op) []listener {
	rule := &t.policy.Dispatch
	v, ok, err := m.Property(rule.ClientProperty)
	if err != nil || !ok || v == nil {
		return list
	}
	named, _ := v.(string)
	private := strings.HasSuffix(t.dest.Name, rule.ClientSuffix)
	chosen := make([]listener, 0, 1)
	for _, l := range list {
		if _, client := infoOf(l); private && client == named {
			chosen = append(chosen, l)
		} else {
			pass(l, m, op)
		}
	}
	return chosen
}

// pass keeps a stored message from a listener.
func pass(l listener, m *message.Message, op *store.Op) {
	f, ok := l.(*feed)
	if !ok || op == nil {
		return
	}
	f.d.mu.Lock()
	defer f.release()
	lane := f.window.lane(f.window.rank(m))
	lane.visible = max(lane.visible, op.Seq)
	f.leaveOutLocked(m, op.Seq)
}
