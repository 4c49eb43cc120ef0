package client

import (
	"fmt"

	"github.com/conclavemq/conclave/internal/spelling"
)

// nearest gives `, did you mean "x"?` for the name that resembles a wrong one,
// "" where none does.
func nearest(wrong string, names []string) string {
	best := spelling.Nearest(wrong, names)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}
