//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

func TestSelectors(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{}, 15, "SelectorCases")
}
