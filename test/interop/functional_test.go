//go:build interop

package interop

import (
	"context"
	"strings"
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
	b := newBroker(t, harness.Options{})
	require.NoError(t, b.StartServing(startLimit))
	args := []string{b.URL(), *onlyFlag}
	want := int64(functionalCases)
	if lab.kind == harness.Conclave {
		args = append(args, "better")
		want += betterCases
	}
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	p, err := lab.java.Start(ctx, "Suite", args...)
	require.NoError(t, err)
	seen, failed := int64(0), 0
	for line := range p.Lines {
		verdict, rest, _ := strings.Cut(line, " ")
		name, reason, _ := strings.Cut(rest, " ")
		switch verdict {
		case "PASS":
			seen++
			t.Run(name, func(t *testing.T) {})
		case "FAIL":
			seen++
			failed++
			t.Run(name, func(t *testing.T) { t.Error(reason) })
		}
	}
	err = p.Wait()
	if failed == 0 {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "the suite did not end in time")
	if *onlyFlag == "" {
		require.Equal(t, want, seen, "cases that ran; stderr: %s", p.Stderr())
	}
	require.True(t, b.Running(), "the broker did not survive the suite")
}
