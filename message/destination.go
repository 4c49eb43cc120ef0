package message

import "strings"

// Kind says what a destination is. The values are KahaDB's
// KahaDestination.DestinationType; they are not OpenWire's.
type Kind uint8

// The kinds of destination.
const (
	Queue Kind = iota
	Topic
	TempQueue
	TempTopic
)

// IsQueue reports point-to-point kinds.
func (k Kind) IsQueue() bool { return k == Queue || k == TempQueue }

// IsTopic reports publish-subscribe kinds.
func (k Kind) IsTopic() bool { return k == Topic || k == TempTopic }

// IsTemporary reports kinds that live as long as the connection that made them.
func (k Kind) IsTemporary() bool { return k == TempQueue || k == TempTopic }

var kindPrefixes = [...]string{"queue://", "topic://", "temp-queue://", "temp-topic://"}

// String gives the URI prefix, such as "queue://".
func (k Kind) String() string {
	if int(k) < len(kindPrefixes) {
		return kindPrefixes[k]
	}
	return "unknown://"
}

// AdvisoryPrefix begins the name of every advisory topic.
const AdvisoryPrefix = "ActiveMQ.Advisory."

// Destination is where messages are sent and consumed. It is comparable; the
// zero value, a queue without a name, is null. A name may hold several
// destinations separated by commas (composite) and the wildcards * and >.
// (ActiveMQ: ActiveMQDestination)
type Destination struct {
	Kind Kind
	Name string
}

// NewQueue returns the queue of that name.
func NewQueue(name string) Destination { return Destination{Queue, name} }

// NewTopic returns the topic of that name.
func NewTopic(name string) Destination { return Destination{Topic, name} }

// IsZero reports whether d is null.
func (d Destination) IsZero() bool { return d.Name == "" }

// String gives the qualified name, such as "queue://ORDERS".
func (d Destination) String() string { return d.Kind.String() + d.Name }

// IsComposite reports whether the name lists several destinations.
func (d Destination) IsComposite() bool { return strings.IndexByte(d.Name, ',') >= 0 }

// IsAdvisory reports whether d is one of the broker's advisory topics.
func (d Destination) IsAdvisory() bool {
	return d.Kind == Topic && strings.HasPrefix(d.Name, AdvisoryPrefix)
}

// IsPattern reports whether the name holds a wildcard as a whole path element.
func (d Destination) IsPattern() bool {
	if !strings.ContainsAny(d.Name, "*>") {
		return false
	}
	for part := range strings.SplitSeq(d.Name, ".") {
		if part == "*" || part == ">" {
			return true
		}
	}
	return false
}

// Parts splits a composite destination; each part may carry its own
// "queue://" or "topic://" prefix, otherwise it is of d's kind. A destination
// that is not composite is its own only part.
func (d Destination) Parts() []Destination {
	if !d.IsComposite() {
		return []Destination{d}
	}
	var parts []Destination
	for name := range strings.SplitSeq(d.Name, ",") {
		if name = strings.TrimSpace(name); name != "" {
			parts = append(parts, ParseDestination(name, d.Kind))
		}
	}
	return parts
}

// ParseDestination reads "queue://A", "topic://A", "temp-queue://A",
// "temp-topic://A" or a bare name, which is of kind byDefault. (ActiveMQ:
// ActiveMQDestination.createDestination)
func ParseDestination(s string, byDefault Kind) Destination {
	for kind, prefix := range kindPrefixes {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return Destination{Kind(kind), rest}
		}
	}
	return Destination{byDefault, s}
}
