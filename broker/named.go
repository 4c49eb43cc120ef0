package broker

import (
	"strings"

	"github.com/conclavemq/conclave/message"
)

// named returns dest as the broker calls it: without blanks around the name
// and without options ("?consumer.prefetchSize=1"), which are the client's,
// and with "." where the configured separator stands. (ActiveMQ:
// ActiveMQDestination.setPhysicalName, DestinationPathSeparatorBroker)
func (b *Broker) named(dest message.Destination) message.Destination {
	name, _, _ := strings.Cut(dest.Name, "?")
	name = strings.TrimSpace(name)
	if separators := b.options.PathSeparator; separators != "" && strings.ContainsAny(name, separators) {
		name = separated(message.Destination{Kind: dest.Kind, Name: name}, separators)
	}
	return message.Destination{Kind: dest.Kind, Name: name}
}

// separated is the name of dest, or of all its parts, with "." for each of the
// separators.
func separated(dest message.Destination, separators string) string {
	parts := dest.Parts()
	names := make([]string, len(parts))
	for i, part := range parts {
		path := strings.FieldsFunc(part.Name, func(r rune) bool { return strings.ContainsRune(separators, r) })
		for j := range path {
			path[j] = strings.TrimSpace(path[j])
		}
		if names[i] = strings.Join(path, "."); part.Kind != dest.Kind {
			names[i] = part.Kind.String() + names[i]
		}
	}
	return strings.Join(names, ",")
}
