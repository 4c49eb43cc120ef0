package broker

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// names is every name of one to four elements out of three.
func names() []string {
	all := []string{}
	last := []string{""}
	for range 4 {
		var next []string
		for _, head := range last {
			for _, element := range []string{"A", "B", "C"} {
				next = append(next, strings.TrimPrefix(head+"."+element, "."))
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// modelMatches is what a pattern means, by lists of elements.
func modelMatches(pattern, name []string) bool {
	switch {
	case len(pattern) == 1 && pattern[0] == ">", len(pattern) > 1 && !slices.ContainsFunc(pattern, func(s string) bool { return s != ">" }):
		return true
	case len(pattern) == 0 || len(name) == 0:
		return len(pattern) == len(name)
	case pattern[0] != "*" && pattern[0] != name[0]:
		return false
	}
	return modelMatches(pattern[1:], name[1:])
}

func somePattern() *rapid.Generator[[]string] {
	return rapid.Custom(func(t *rapid.T) []string {
		p := rapid.SliceOfN(rapid.SampledFrom([]string{"A", "B", "*"}), 0, 4).Draw(t, "elements")
		for range rapid.IntRange(0, 2).Draw(t, "ends") {
			p = append(p, ">")
		}
		if len(p) == 0 {
			p = []string{"*"}
		}
		return p
	})
}

// TestPatternModel: matches is what the model says for every name, and
// intersects is that there is a name which both cover.
func TestPatternModel(t *testing.T) {
	all := names()
	rapid.Check(t, func(t *rapid.T) {
		a, b := somePattern().Draw(t, "a"), somePattern().Draw(t, "b")
		nameA, nameB := strings.Join(a, "."), strings.Join(b, ".")
		both := false
		for _, name := range all {
			path := strings.Split(name, ".")
			inA, inB := modelMatches(a, path), modelMatches(b, path)
			if got := matches(message.NewTopic(nameA), message.NewTopic(name)); got != inA {
				t.Fatalf("%s covers %s: %v", nameA, name, got)
			}
			both = both || inA && inB
		}
		if got := intersects(nameA, nameB); got != both {
			t.Fatalf("%s intersects %s: %v", nameA, nameB, got)
		}
		if intersects(nameA, nameB) != intersects(nameB, nameA) {
			t.Fatalf("%s, %s: not symmetric", nameA, nameB)
		}
	})
}
