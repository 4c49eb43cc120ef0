package console

import (
	"slices"

	"github.com/conclavemq/conclave/console/jolokia"
)

// brokerVersion is the version of ActiveMQ whose beans these are.
const brokerVersion = "5.17.2"

// view is what one request sees of a broker: each part is asked for once, when
// it is first needed.
type view struct {
	Broker
	name jolokia.Name // of the broker's bean

	summary      *Summary
	destinations []Destination
	counted      bool // destinations are known
	bridges      []Bridge
	linked       bool // bridges are known
}

func newView(b Broker) *view {
	v := &view{Broker: b}
	v.name = jolokia.NewName("org.apache.activemq", "type", "Broker", "brokerName", jolokia.Encode(v.Summary().Name))
	return v
}

// Summary implements Broker.
func (v *view) Summary() Summary {
	if v.summary == nil {
		s := v.Broker.Summary()
		v.summary = &s
	}
	return *v.summary
}

// gone are the counts of destinations that there are no more.
func (v *view) gone() *Destination {
	s := v.Summary()
	return &s.Gone
}

// Destinations implements Broker.
func (v *view) Destinations() []Destination {
	if !v.counted {
		v.destinations, v.counted = v.Broker.Destinations(), true
	}
	return v.destinations
}

// Bridges implements Broker.
func (v *view) Bridges() []Bridge {
	if !v.linked {
		v.bridges, v.linked = v.Broker.Bridges(), true
	}
	return v.bridges
}

// beans are the beans of ActiveMQ; without a broker, of which a slave has none,
// there is one: the broker's, which says that it is a slave. They implement
// jolokia.Beans.
type beans struct {
	node  Node
	slave *slaveBroker
	view  *view
}

func newBeans(node Node) jolokia.Beans {
	b := &beans{node: node}
	b.Changed()
	return b
}

// Changed implements jolokia.Beans.
func (b *beans) Changed() {
	b.view, b.slave = nil, nil
	if broker := b.node.Broker(); broker != nil {
		b.view = newView(broker)
		return
	}
	b.slave = &slaveBroker{b.node.Status()}
}

// Each implements jolokia.Beans.
func (b *beans) Each(pattern jolokia.Name, f func(*jolokia.Bean)) {
	matching := func(one *jolokia.Bean) {
		if pattern.Matches(&one.Name) {
			f(one)
		}
	}
	if b.view == nil {
		matching(b.slave.bean())
		return
	}
	b.view.each(pattern, matching)
}

// Find implements jolokia.Beans.
func (b *beans) Find(name jolokia.Name) (found *jolokia.Bean) {
	b.Each(name, func(one *jolokia.Bean) { found = one })
	return found
}

// each calls f with beans among which are all that pattern matches.
func (v *view) each(pattern jolokia.Name, f func(*jolokia.Bean)) {
	if _, ok := pattern.Exact("connector"); !ok {
		v.eachDestination(pattern, f)
	}
	if _, ok := pattern.Exact("destinationName"); ok {
		return
	}
	f(&jolokia.Bean{Name: v.name, Class: brokerClass, Subject: v})
	f(&jolokia.Bean{Name: v.name.With("service", "Health"), Class: healthClass, Subject: v})
	if v.Summary().Scheduler {
		f(&jolokia.Bean{Name: v.schedulerName(), Class: schedulerClass, Subject: v})
	}
	for _, c := range v.Connectors() {
		f(&jolokia.Bean{Name: connectorName(v, &c), Class: connectorClass, Subject: &c})
	}
	v.eachNetwork(f)
}

// eachDestination makes beans of what may match alone: there may be many.
func (v *view) eachDestination(pattern jolokia.Name, f func(*jolokia.Bean)) {
	exact, one := pattern.Exact("destinationName")
	kind, oneKind := pattern.Exact("destinationType")
	all := v.Destinations()
	for i := range all {
		d := &all[i]
		if oneKind && kind != string(d.Kind) || one && exact != jolokia.Encode(d.Name) {
			continue
		}
		f(&jolokia.Bean{Name: v.destinationName(d), Class: destinationClass(d.Kind), Subject: &destinationBean{v, d}})
	}
}

func (v *view) destinationName(d *Destination) jolokia.Name {
	return v.name.With("destinationType", string(d.Kind), "destinationName", jolokia.Encode(d.Name))
}

// refs are the names of destinations of a kind.
func (v *view) refs(kind Kind) []jolokia.Ref {
	refs := []jolokia.Ref{}
	for _, d := range v.Destinations() {
		if d.Kind == kind {
			refs = append(refs, jolokia.Ref{Name: v.destinationName(&d)})
		}
	}
	return refs
}

// of makes an attribute whose getter knows its subject's type.
func of[T any](name, kind, description string, get func(T) any) jolokia.Attribute {
	return jolokia.Attribute{Name: name, Type: kind, Description: description, Get: func(subject any) any { return get(subject.(T)) }}
}

// Types of Java.
const (
	text    = "java.lang.String"
	long    = "long"
	integer = "int"
	boolean = "boolean"
	double  = "double"
	refs    = "[Ljavax.management.ObjectName;"
	ref     = "javax.management.ObjectName"
	javaMap = "java.util.Map"
	none    = "void"
)

// percent is how much of a limit is used; of no limit nothing.
func percent(used, limit int64) int64 {
	if limit <= 0 {
		return 0
	}
	return int64(float64(used) / float64(limit) * 100)
}

// orNull is Java's null for a text that is not set.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func class(name string, lists ...[]jolokia.Attribute) *jolokia.Class {
	return &jolokia.Class{Name: "org.apache.activemq.broker.jmx." + name, Attributes: slices.Concat(lists...)}
}
