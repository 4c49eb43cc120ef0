//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

func TestDurable(t *testing.T) {
	cases := 23
	if lab.Kind == harness.Conclave {
		cases++ // ActiveMQ fails it
	}
	runCases(t, harness.Options{}, cases, "DurableCases")
}
