//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

func TestXA(t *testing.T) {
	t.Parallel()
	xa := 17
	if lab.Kind == harness.Conclave {
		xa += 2 // ActiveMQ fails these
	}
	runCases(t, harness.Options{}, xa, "XACases")
}

func TestLocalTransactions(t *testing.T) {
	t.Parallel()
	cases := 13
	if lab.Kind == harness.Conclave {
		cases += 2 // ActiveMQ fails these
	}
	runCases(t, harness.Options{}, cases, "LocalTransactionCases")
}
