package spelling

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var names = []string{"directory", "journalMaxFileLength", "tcp", "ssl", "wireFormat.maxFrameSize", "maximumConnections", "maxFrameSize"}

func TestNearest(t *testing.T) {
	for wrong, want := range map[string]string{
		"":                       "",
		"tpc":                    "tcp",
		"DIRECTORY":              "directory",
		"maximumConections":      "maximumConnections",
		"entirely":               "",
		strings.Repeat("x", 1e6): "",
	} {
		require.Equal(t, want, Nearest(wrong, names))
	}
	require.Equal(t, "key1", Nearest("key3", []string{"b", "key2", "key1"}), "the first in order")
	require.Empty(t, Nearest("a", nil))
	require.Empty(t, Nearest("max", names))
	require.Equal(t, "wireFormat.maxFrameSize", Nearest("maxFramSize", names[4:5], "wireformat."))
	require.Equal(t, "maxFrameSize", Nearest("wireformat.maxFramSize", names[6:], "wireformat."))
}

func TestNearestFindsOneSlip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names[3:]).Draw(t, "name")
		at := rapid.IntRange(0, len(name)-1).Draw(t, "at")
		slip := name[:at] + name[at+1:]
		if at > 0 && rapid.Bool().Draw(t, "exchanged") {
			slip = name[:at-1] + string(name[at]) + string(name[at-1]) + name[at+1:]
		}
		if len(slip) < 3 { // a third of it is less than a slip
			return
		}
		require.LessOrEqual(t, distance(Nearest(slip, names), slip), 1)
	})
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 1}, {"abcd", "acbd", 1}} {
		require.Equal(t, test.want, distance(test.a, test.b), "%s %s", test.a, test.b)
		require.Equal(t, test.want, distance(test.b, test.a), "%s %s", test.b, test.a)
	}
}

func TestDistanceIsAMetric(t *testing.T) {
	word := rapid.StringMatching(`[ab.]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		require.Equal(t, distance(a, b), distance(b, a))
		require.Equal(t, a == b, distance(a, b) == 0)
		require.LessOrEqual(t, distance(a, b), max(len(a), len(b)))
	})
}
