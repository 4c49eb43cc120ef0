package config

import "strings"

// Find returns the policy of a destination: attribute is "queue", "topic",
// "tempQueue" or "tempTopic". Of the entries that cover the name, one that has
// it exactly comes first, then the most specific pattern; the default entry is
// last, and nil is none at all. (ActiveMQ: DestinationMap.chooseValue)
func (m *PolicyMap) Find(attribute, name string) *PolicyEntry {
	var best *PolicyEntry
	var bestPattern string
	for i := range m.Entries {
		e := &m.Entries[i]
		kind, pattern := e.Pattern()
		if kind != attribute || !covers(pattern, name) {
			continue
		}
		if best == nil || before(pattern, bestPattern, name) {
			best, bestPattern = e, pattern
		}
	}
	if best == nil {
		return m.Default
	}
	return best
}

// before says whether pattern a is closer to name than b. Both cover it.
func before(a, b, name string) bool {
	switch {
	case a == b || b == name:
		return false
	case a == name:
		return true
	case covers(a, b):
		return false
	case covers(b, a):
		return true
	}
	return a < b
}

// covers reports whether a pattern, in which * is one element and > is all
// that follow, covers a name. "A.>" covers "A" too.
func covers(pattern, name string) bool {
	for {
		want, morePattern, pathOn := strings.Cut(pattern, ".")
		if want == ">" && !pathOn {
			return true
		}
		have, moreName, nameOn := strings.Cut(name, ".")
		if want != "*" && want != have {
			return false
		}
		if !pathOn || !nameOn {
			return pathOn == nameOn || pathOn && morePattern == ">"
		}
		pattern, name = morePattern, moreName
	}
}
