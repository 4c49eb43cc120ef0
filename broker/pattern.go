package broker

import (
	"strings"

	"github.com/conclavemq/conclave/message"
)

// matches reports whether pattern, which may hold the wildcards * (one path
// element) and > (all that follows), covers dest. (ActiveMQ:
// DestinationFilter)
func matches(pattern, dest message.Destination) bool {
	if pattern.Kind != dest.Kind {
		return false
	}
	if pattern.Name == dest.Name {
		return true
	}
	return matchPath(pattern.Name, dest.Name)
}

func matchPath(pattern, name string) bool {
	for {
		want, moreWanted, inPattern := strings.Cut(pattern, ".")
		if want == ">" && !inPattern {
			return true
		}
		have, rest, inName := strings.Cut(name, ".")
		if want != "*" && want != have {
			return false
		}
		if !inPattern || !inName {
			// "A.>" covers "A" itself, too.
			return inPattern == inName || inPattern && moreWanted == ">"
		}
		pattern, name = moreWanted, rest
	}
}
