package transport

import (
	"slices"
	"strings"
)

// nearest returns the candidate that takes the fewest edits to become name,
// or "" where that would be more than a third of it. Case does not count, and
// neither does a forgotten or superfluous "transport." in front.
func nearest(name string, candidates []string) string {
	slices.Sort(candidates)
	best, least := "", len(name)/3+1
	for _, candidate := range candidates {
		d := edits(name, candidate)
		if d < least || d == least && best == "" {
			best, least = candidate, d
		}
	}
	return best
}

func edits(name, candidate string) int {
	name, candidate = strings.ToLower(name), strings.ToLower(candidate)
	bare := strings.TrimPrefix(candidate, "transport.")
	return min(distance(name, candidate), distance(strings.TrimPrefix(name, "transport."), bare))
}

// distance is Levenshtein's: insertions, deletions and substitutions of bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
