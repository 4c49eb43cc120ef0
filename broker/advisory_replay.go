package broker

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/conclavemq/conclave/message"
)

// told is one advisory for a new listener.
type told struct {
	topic      string
	data       any
	properties message.Properties

	// subject is what the listener was told of first, nil if that stays; known is
	// what it knows of it now, nil if it knows that it has gone.
	subject, known any
}

// replay tells a new listener what there is. It listens already, and may have
// heard that something has gone before it is told here that it is there. A
// bridge would keep a subscription for such a consumer for ever, so what has
// changed meanwhile is told again. (ActiveMQ: AdvisoryBroker.addConsumer, which
// does not)
func (a *advisories) replay(s *subscriber) {
	parts := s.info.Destination.Parts()
	wants := func(name string) bool {
		for _, part := range parts {
			if matches(part, message.NewTopic(name)) {
				return true
			}
		}
		return false
	}
	for list := a.present(wants); len(list) > 0; list = a.changed(list) {
		a.whisper(s, list)
	}
}

func (a *advisories) whisper(s *subscriber, list []told) {
	for _, x := range list {
		dest := message.NewTopic(x.topic)
		m := a.message(dest, x.data, x.properties)
		m.TargetConsumer = s.info.ID
		t, _, err := a.b.create(dest, nil)
		if err != nil {
			continue
		}
		if t, ok := t.(*topic); ok {
			t.whisper(s, m)
		}
	}
}

// present collects the advisories of what there is on the topics wanted.
func (a *advisories) present(wants func(string) bool) []told {
	var list []told
	add := func(topic string, data any) {
		list = append(list, told{topic: topic, data: data, subject: data, known: data})
	}
	a.mu.Lock()
	for _, info := range a.connections {
		add(advisoryConnection, info)
	}
	for dest, info := range a.destinations {
		add(destinationTopic(dest.Kind), info)
	}
	for _, info := range a.producers {
		eachPart(info, func(one *message.ProducerInfo) {
			list = append(list, told{topic: producerTopic(one.Destination), data: one, subject: one, known: info})
		})
	}
	here := slices.SortedFunc(maps.Values(a.consumers), func(x, y announced) int { return cmp.Compare(x.number, y.number) })
	for _, x := range here {
		add(about(advisoryConsumer, x.info.Destination), x.info)
	}
	for _, info := range a.demands.consumers {
		add(about(advisoryVirtualConsumer, info.Destination), info)
	}
	a.mu.Unlock()
	for _, p := range a.b.bridges.all() {
		list = append(list, told{topic: advisoryNetworkBridge, data: p.Info, properties: bridgeProperties(p.createdByPeer, p.remoteIP)})
	}
	kept := list[:0]
	for _, x := range list {
		if wants(x.topic) {
			x.properties = append(x.properties, a.counts(x.data)...)
			kept = append(kept, x)
		}
	}
	return kept
}

// counts are the properties of an advisory that a replay makes.
func (a *advisories) counts(data any) message.Properties {
	switch info := data.(type) {
	case *message.ProducerInfo:
		return a.producerCount(info.Destination)
	case *message.ConsumerInfo:
		return a.consumerCount(info.Destination)
	}
	return nil
}

// changed collects what is to be told again, of what a listener was told.
func (a *advisories) changed(list []told) (again []told) {
	a.mu.Lock()
	for i := range list {
		x := list[i]
		now, gone := a.lookLocked(&x)
		if now == x.known {
			continue
		}
		if x.data, x.known = now, now; now == nil {
			x.data = gone
		}
		again = append(again, x)
	}
	a.mu.Unlock()
	for i := range again {
		again[i].properties = a.counts(again[i].data)
	}
	return again
}

// lookLocked returns what there is of what x was about, nil if nothing, and how
// it is told that it has gone.
func (a *advisories) lookLocked(x *told) (now, gone any) {
	switch s := x.subject.(type) {
	case *message.ConnectionInfo:
		return found(a.connections, s.ID), removal(s.ID)
	case *message.DestinationInfo:
		removed := *s
		removed.Operation = message.RemoveDestination
		return found(a.destinations, s.Destination), &removed
	case *message.ProducerInfo:
		return found(a.producers, s.ID), removal(s.ID)
	case *message.ConsumerInfo:
		if strings.HasPrefix(x.topic, advisoryVirtualConsumer) {
			return found(a.demands.consumers, s.ID), removal(s.ID)
		}
		if x, there := a.consumers[s.ID]; there {
			return x.info, removal(s.ID)
		}
		return nil, removal(s.ID)
	}
	return nil, nil
}

// found is m[key], as a nil that is one if it is not there.
func found[K comparable, V any](m map[K]*V, key K) any {
	if v := m[key]; v != nil {
		return v
	}
	return nil
}
