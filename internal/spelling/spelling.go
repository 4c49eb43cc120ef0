// Package spelling finds the name that somebody meant: what is not known is
// refused with the nearest known name.
package spelling

import "strings"

// limit is the length of names, in bytes, beyond which nothing is compared.
const limit = 128

// Nearest returns the name that takes the fewest insertions, deletions,
// substitutions and exchanges of neighbours to become wrong, the first in order
// where there are several, or "" where that would be more than a third of it.
// Case does not count, and neither does an optional prefix, on either side.
func Nearest(wrong string, names []string, optional ...string) string {
	wrong = strings.ToLower(wrong)
	best, bound := "", 1+min(len(wrong), limit)/3
	for _, name := range names {
		lower := strings.ToLower(name)
		d := distance(wrong, lower)
		for _, prefix := range optional {
			d = min(d, distance(strings.TrimPrefix(wrong, prefix), strings.TrimPrefix(lower, prefix)))
		}
		if d < bound || d == bound && best != "" && name < best {
			best, bound = name, d
		}
	}
	return best
}

// distance is how many insertions, deletions, substitutions and exchanges of
// neighbours make b of a (optimal string alignment).
func distance(a, b string) int {
	if len(a) > limit || len(b) > limit {
		return limit
	}
	var before []int // the row of two bytes ago
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
