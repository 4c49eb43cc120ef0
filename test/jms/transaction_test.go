//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

func TestXA(t *testing.T) {
	xa := 17
	if lab.Kind == harness.Conclave {
		xa += 2 // ActiveMQ fails these
	}
	runCases(t, harness.Options{}, xa, "XACases")
}

func TestLocalTransactions(t *testing.T) {
	cases := 14
	if lab.Kind == harness.Conclave {
		cases++ // ActiveMQ fails it
	}
	runCases(t, harness.Options{}, cases, "LocalTransactionCases")
}
