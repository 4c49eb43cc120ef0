//go:build interop

package interop

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// TestTransactionsInFlight kills the master while three producers always have
// a transaction open: each is there whole or not at all (P6), as its client
// was told.
func TestTransactionsInFlight(t *testing.T) {
	t.Parallel()
	const each, producers, kills = 100, 3, 4
	p := startPair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	program, err := lab.Java.Start(ctx, "TxKill", "url="+p.failoverURL(), "run="+t.Name(),
		"transactions=100", "pause=5")
	require.NoError(t, err)
	done, killed, next := 0, 0, p.threshold(each*producers, kills, 0)
	var account harness.Line
	var bad []string
	for text := range program.Lines {
		switch line := harness.ParseLine(text); line.Word {
		case "PROGRESS":
			if done++; killed < kills && done >= next {
				p.killMaster()
				killed++
				next = p.threshold(each*producers, kills, killed)
			}
		case "TXLEDGER":
			account = line
			t.Log(text)
		case "BAD":
			bad = append(bad, text)
		case "READY":
		default:
			t.Log(text)
		}
	}
	require.NoError(t, program.Wait())
	require.Empty(t, bad)
	require.Equal(t, kills, killed)
	require.Equal(t, int64(each*producers), account.Int("committed")+account.Int("rolledback")+account.Int("indoubt"))
	// a fifth is rolled back on purpose; a kill may cost each producer one more
	require.GreaterOrEqual(t, account.Int("committed"), int64(each*producers*4/5-kills*producers))
	for _, promise := range []string{"torn", "lost", "resurrected", "alien"} {
		require.Zero(t, account.Int(promise), promise)
	}
	p.requireSane()
}
