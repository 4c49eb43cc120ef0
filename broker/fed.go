package broker

import (
	"slices"
	"strings"

	"github.com/conclavemq/conclave/message"
)

// fed is the queues that virtual topics may send to, found by topic. The
// registry's lock guards it.
type fed struct {
	all     map[message.Destination]target
	byTopic map[fedKey][]target
	wild    map[message.Destination]target // those whose topic is a pattern, or cannot be told from the name
}

// fedKey is a topic under one of routing.topics.
type fedKey struct {
	virtual int
	topic   string
}

func newFed() fed {
	return fed{map[message.Destination]target{}, map[fedKey][]target{}, map[message.Destination]target{}}
}

// insert reports whether t is one of them.
func (f *fed) insert(t target) bool {
	p := t.base()
	keys, wild := p.b.routing.feeds(p.dest)
	if len(keys) == 0 && !wild {
		return false
	}
	f.all[p.dest] = t
	if wild {
		f.wild[p.dest] = t
	}
	for _, k := range keys {
		f.byTopic[k] = append(f.byTopic[k], t)
	}
	return true
}

func (f *fed) remove(t target) {
	p := t.base()
	if f.all[p.dest] != t {
		return
	}
	keys, _ := p.b.routing.feeds(p.dest)
	delete(f.all, p.dest)
	delete(f.wild, p.dest)
	for _, k := range keys {
		rest := slices.DeleteFunc(f.byTopic[k], func(other target) bool { return other == t })
		if f.byTopic[k] = rest; len(rest) == 0 {
			delete(f.byTopic, k)
		}
	}
}

// feeding returns the queues that the virtual topic of that number sends to
// when something is sent to topic.
func (g *registry) feeding(virtual int, v *VirtualTopic, topic message.Destination) []target {
	g.mu.RLock()
	defer g.mu.RUnlock()
	pattern := v.queues(topic.Name).Name
	var list []target
	among := g.fed.wild
	if topic.IsPattern() {
		among = g.fed.all
	} else {
		list = slices.Clone(g.fed.byTopic[fedKey{virtual, topic.Name}])
	}
	for dest, t := range among {
		if intersects(pattern, dest.Name) && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// feeds returns the topics whose messages a queue takes; wild says that there
// may be more than can be listed.
func (g *routing) feeds(dest message.Destination) (keys []fedKey, wild bool) {
	if dest.Kind != message.Queue {
		return nil, false
	}
	for i := range g.topics {
		v := &g.topics[i]
		if v.odd() {
			wild = true
			continue
		}
		if !intersects(v.queues(v.Name).Name, dest.Name) {
			continue
		}
		if topic, ok := v.topicOf(dest.Name); ok {
			keys = append(keys, fedKey{i, topic})
		} else {
			wild = true
		}
	}
	return keys, wild
}

// odd reports a prefix or postfix that is not made of whole path elements, so
// that Name's own wildcards say nothing about the queues.
func (v *VirtualTopic) odd() bool {
	return v.Prefix != "" && !strings.HasSuffix(v.Prefix, ".") || v.Postfix != "" && !strings.HasPrefix(v.Postfix, ".")
}

// topicOf reads the topic out of a queue's name, if there can be only one.
func (v *VirtualTopic) topicOf(queue string) (topic string, ok bool) {
	if !strings.HasSuffix(v.Prefix, ".") || strings.ContainsAny(v.Postfix, "*>") || strings.Contains(v.Prefix, ">") {
		return "", false
	}
	rest := queue
	for range strings.Count(v.Prefix, ".") {
		element, after, _ := strings.Cut(rest, ".")
		if element == ">" {
			return "", false
		}
		rest = after
	}
	topic, ok = strings.CutSuffix(rest, v.Postfix)
	return topic, ok && !message.NewTopic(rest).IsPattern()
}
