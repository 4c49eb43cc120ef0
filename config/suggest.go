package config

import "strings"

// nearest returns the name that is closest to the mistyped one, or "" when
// none is near: no more than a third of the letters may differ.
func nearest(mistyped string, names []string) string {
	best, bound := "", 1+len(mistyped)/3
	for _, name := range names {
		if d := distance(strings.ToLower(mistyped), strings.ToLower(name)); d < bound {
			best, bound = name, d
		}
	}
	return best
}

// distance is Levenshtein's; names longer than 64 bytes count as far away.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
