package broker

import (
	"strings"

	"github.com/conclavemq/conclave/message"
)

// matches reports whether pattern, which may hold the wildcards * (one path
// element) and > (all that follows), covers dest. A name that is a pattern
// itself is covered as if it were none. (ActiveMQ: DestinationFilter)
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
	for strings.HasSuffix(pattern, ".>.>") {
		pattern = pattern[:len(pattern)-2]
	}
	if pattern == ">.>" {
		return true
	}
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

// intersects reports whether there are names that both a and b cover, each of
// which may be a pattern or a name. A > ends a pattern, wherever it stands.
// (ActiveMQ: DestinationMap.get, whose keys and entries may be patterns both)
func intersects(a, b string) bool {
	for {
		x, moreA, inA := strings.Cut(a, ".")
		y, moreB, inB := strings.Cut(b, ".")
		switch {
		case x == ">" || y == ">":
			return true
		case x != "*" && y != "*" && x != y:
			return false
		case !inA && !inB:
			return true
		case !inA:
			return moreB == ">" || strings.HasPrefix(moreB, ">.")
		case !inB:
			return moreA == ">" || strings.HasPrefix(moreA, ">.")
		}
		a, b = moreA, moreB
	}
}
