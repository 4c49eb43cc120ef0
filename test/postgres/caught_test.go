//go:build postgres

package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

func promises(wrong []harness.Violation) (names []string) {
	for _, v := range wrong {
		names = append(names, v.Promise)
	}
	return names
}

// The table must be able to fail: two masters, each with a database of its
// own, are found out.
func TestTwoMastersAreCaught(t *testing.T) {
	t.Parallel()
	x := row{}.begin(t)
	x.work.Tolerate()
	alone := newNode(t, harness.Options{Name: "c", JDBC: &harness.JDBC{URL: shared.URL(newDatabase(t, shared, ""))}})
	require.NoError(t, alone.StartServing(patience))
	x.work.AddProducer(alone.URL(), "second")
	require.True(t, harness.Eventually(patience, func() bool {
		for _, promise := range promises(x.history.Verify(0)) {
			if promise == "P1" {
				return true
			}
		}
		return false
	}), "nobody finds out")
	x.work.Abandon()
}
