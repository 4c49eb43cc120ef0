//go:build interop

package interop

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// functionalCases is how many cases Suite.java has, so that one that silently
// disappears fails the run; betterCases are those that ActiveMQ fails.
const (
	functionalCases = 166
	betterCases     = 1
)

// TestFunctional runs every case of java/Suite.java as a subtest.
func TestFunctional(t *testing.T) {
	t.Parallel()
	b := newBroker(t, harness.Options{})
	require.NoError(t, b.StartServing(startLimit))
	want, better := functionalCases, lab.Kind == harness.Conclave
	if better {
		want += betterCases
	}
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	seen, err := lab.RunCases(ctx, t, b.URL(), *onlyFlag, better)
	require.NoError(t, err)
	if *onlyFlag == "" {
		require.Equal(t, want, seen, "cases that ran")
	}
	require.True(t, b.Running(), "the broker did not survive the suite")
}
