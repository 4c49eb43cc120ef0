package transport

import (
	"strings"

	"github.com/conclavemq/conclave/internal/spelling"
)

// nearest is the candidate that was meant by name, or "". A forgotten or
// superfluous "transport." in front does not count.
func nearest(name string, candidates []string) string {
	bare := func(s string) string { return strings.TrimPrefix(s, "transport.") }
	full := map[string]string{}
	names := make([]string, 0, len(candidates))
	for _, candidate := range candidates {
		key := bare(candidate)
		if old, there := full[key]; !there || candidate < old {
			full[key] = candidate
		}
		names = append(names, key)
	}
	if best, ok := full[spelling.Nearest(bare(name), names)]; ok {
		return best
	}
	return spelling.Nearest(name, candidates)
}
